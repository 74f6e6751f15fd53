/**
 * A name that a stranger gave a file, as one that is safe everywhere: one step of a path, no dot in front, nothing that is
 * invisible, turns text around or means something to a shell, a terminal or another system. Pure, total.
 */
const MOST_BYTES = 120;

/** Never empty; at most 120 bytes of letters, digits, `-`, `_` and `.`. A plain extension survives. */
export function safeFileName(given: string): string {
  const plain = given
    .toWellFormed()
    .normalize('NFC')
    .replace(/^.*[\\/]/su, '')
    .replace(/[^\p{L}\p{M}\p{N}._-]+/gu, '_')
    .replace(/\.{2,}/g, '.')
    .replace(/^[\p{M}._-]+|[._-]+$/gu, '');
  const [, stem = plain, extension = ''] = /^(.+)(\.[A-Za-z0-9]{1,12})$/u.exec(plain) ?? [];
  let short = '';
  for (const character of stem) {
    if (Buffer.byteLength(short + character + extension) > MOST_BYTES) break;
    short += character;
  }
  return `${short.replace(/[._-]+$/, '') || 'file'}${extension}`;
}
