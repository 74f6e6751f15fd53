import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SecretFilter } from './secret-filter.ts';

describe('SecretFilter', () => {
  it('is the same as replacing in the whole text, for every cut, and keeps the length', () => {
    const secrets = fc.constantFrom('sk-ant-secret', 'aab', 'aaaa', 'abab');
    const pieces = fc.array(
      fc.constantFrom('a', 'b', 'sk-', 'ant', '-secret', 'sk-ant-secret', 'aab', 'x', '\n'),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(
        secrets,
        pieces,
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
        (secret, list, cuts) => {
          const bytes = Buffer.from(list.join(''));
          const filter = new SecretFilter(secret);
          const out: Buffer[] = [];
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const size = cuts[i % cuts.length] ?? 1;
            out.push(Buffer.from(filter.push(bytes.subarray(at, at + size))));
            at += size;
          }
          out.push(filter.end());
          expect(Buffer.concat(out).toString()).toBe(
            list.join('').replaceAll(secret, '*'.repeat(secret.length)),
          );
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('holds nothing back that cannot begin the secret', () => {
    const filter = new SecretFilter('sk-ant-secret');
    expect(filter.push(Buffer.from('data: x\n\n')).toString()).toBe('data: x\n\n');
    expect(filter.push(Buffer.from('ends with sk-a')).toString()).toBe('ends with ');
    expect(filter.push(Buffer.from('nd no more')).toString()).toBe('sk-and no more');
  });
});
