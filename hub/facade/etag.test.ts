import { expect, it } from 'vitest';
import { isHeld } from './etag.js';

const ETAG = '"7.1790000000000"';

it.each([
  [undefined, false],
  ['', false],
  [ETAG, true],
  [`W/${ETAG}`, true],
  ['*', true],
  [' * ', true],
  [`"6.1", ${ETAG}`, true],
  [`"6.1",W/${ETAG} , "8.2"`, true],
  ['"6.1", "8.2"', false],
  // A comma belongs to a tag, and a star in a list is none.
  [`"6.1,${ETAG.slice(1)}`, false],
  ['"6.1", *', false],
  ['7.1790000000000', false],
  [`w/${ETAG}x`, true],
  ['"7.1790000000000', false],
])('If-None-Match: %s', (header, held) => {
  expect(isHeld(header, ETAG)).toBe(held);
});

it('a weak tag of our own is held by a strong one too', () => {
  expect(isHeld('"1"', 'W/"1"')).toBe(true);
});
