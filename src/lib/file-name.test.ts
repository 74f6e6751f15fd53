import fc from 'fast-check';
import { expect, it } from 'vitest';
import { safeFileName } from './file-name.ts';

it.each([
  ['report.pdf', 'report.pdf'],
  ['../../etc/passwd', 'passwd'],
  ['C:\\Users\\x\\boot.ini', 'boot.ini'],
  ['.env', 'env'],
  ['my file (1).txt', 'my_file_1.txt'],
  ['résumé.docx', 'résumé.docx'],
  ['हिन्दी.txt', 'हिन्दी.txt'],
  ['\u202egnp.exe', 'gnp.exe'],
  ['a\u0000b.txt', 'a_b.txt'],
  ['..', 'file'],
  ['', 'file'],
  ['/', 'file'],
  ['.tar.gz', 'tar.gz'],
  [`${'x'.repeat(300)}.pdf`, `${'x'.repeat(116)}.pdf`],
])('%j becomes %s', (given, expected) => {
  expect(safeFileName(given)).toBe(expected);
});

it('is one plain step of a path, whatever is given', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: 'binary', maxLength: 400 }), fc.string({ maxLength: 400 })),
      (given) => {
        const name = safeFileName(given);
        expect(name).toMatch(/^[\p{L}\p{N}][\p{L}\p{M}\p{N}._-]*$/u);
        expect(name).not.toContain('..');
        expect(Buffer.byteLength(name)).toBeLessThanOrEqual(124);
        expect(name.isWellFormed()).toBe(true);
      },
    ),
    { numRuns: 2000 },
  );
});
