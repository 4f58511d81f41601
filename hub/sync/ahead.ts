import type { Cursor, Page } from '../../connectors/sdk.js';

/**
 * Pulls the next page while this one is mapped and appended: an upstream's answer takes longer than either.
 * At most one page is held. Only for pages that are asked for one after the other: a page that was pulled
 * before another one was applied would bring older rows behind newer ones.
 */
export interface PageAhead {
  /** The page at the cursor; `ahead` says whether the one behind it may be pulled already. */
  pull(cursor: Cursor, signal: AbortSignal, ahead: boolean): Promise<Page>;
}

export function pagesAhead(pull: (cursor: Cursor, signal: AbortSignal) => Promise<Page>): PageAhead {
  let held: { readonly cursor: string; readonly page: Promise<Page> } | null = null;
  return {
    async pull(cursor, signal, ahead) {
      const known = held;
      held = null;
      const isNext = known !== null && ahead && known.cursor === JSON.stringify(cursor);
      const page = await (isNext ? known.page : pull(cursor, signal));
      if (ahead && page.state === 'more') {
        const next = pull(page.next, signal);
        // Its error is thrown when the page is asked for; nobody may ask.
        next.catch(() => undefined);
        held = { cursor: JSON.stringify(page.next), page: next };
      }
      return page;
    },
  };
}
