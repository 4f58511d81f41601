/** Longest line that is kept; of a longer one only the fact that it came. */
export const LINE_CHARACTERS_MAX = 1024 * 1024;

export interface InputLine {
  /** From 1. */
  readonly number: number;
  readonly text: string;
  readonly tooLong: boolean;
}

/** Lines of a stream (LF or CR LF), each of bounded length; a last line without its end counts. */
export async function* readLines(input: AsyncIterable<Uint8Array | string>): AsyncGenerator<InputLine> {
  const decoder = new TextDecoder();
  let rest = '';
  let number = 0;
  let tooLong = false;
  const cut = (text: string): InputLine => {
    const line = { number: ++number, text: tooLong ? '' : text.replace(/\r$/, ''), tooLong };
    tooLong = false;
    return line;
  };
  for await (const chunk of input) {
    const parts = (
      rest + (typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true }))
    ).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) yield cut(part);
    if (rest.length > LINE_CHARACTERS_MAX) {
      tooLong = true;
      rest = '';
    }
  }
  rest += decoder.decode();
  if (rest !== '' || tooLong) yield cut(rest);
}
