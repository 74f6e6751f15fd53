import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseEnv } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editDotEnv } from './dotenv-file.ts';

const EXAMPLE = readFileSync(path.resolve(import.meta.dirname, '../../.env.example'), 'utf8');
/** What is set: an empty value means "not set". */
const parsed = (text: string) =>
  Object.fromEntries(Object.entries(parseEnv(text)).filter(([, value]) => value !== ''));

describe('a .env file', () => {
  it('keeps remarks, order, other keys and what stands behind a value', () => {
    const before = [
      '# mine',
      'OTHER=1   # keep',
      'export TOKEN="old" # the bot',
      '',
      '#KEY=example',
      'LAST=x',
      '',
    ].join('\n');
    expect(editDotEnv(before, { TOKEN: 'new', KEY: 'sk-1', MORE: 'a b' })).toBe(
      [
        '# mine',
        'OTHER=1   # keep',
        'export TOKEN=new # the bot',
        '',
        '#KEY=example',
        'KEY=sk-1',
        'LAST=x',
        "MORE='a b'",
        '',
      ].join('\n'),
    );
  });

  it('is not touched by what it says already', () => {
    const before = "A='1'\r\nB=  2 \r\n\r\n# no line feed at the end, and odd blanks\r\n  C = 3";
    expect(editDotEnv(before, { A: '1', B: '2', C: '3', D: '' })).toBe(before);
    expect(editDotEnv(before, { B: '' })).toBe(before.replace('B=  2 ', 'B='));
  });

  it('made from the example has every setting at its place', () => {
    const text = editDotEnv(EXAMPLE, { TELEGRAM_BOT_TOKEN: '1:abc', CONTAINER_RUNTIME: 'docker' });
    expect(text).toContain('\nTELEGRAM_BOT_TOKEN=1:abc\n');
    expect(text).toContain('#CONTAINER_RUNTIME=auto\nCONTAINER_RUNTIME=docker\n');
    expect(text.split('\n')).toHaveLength(EXAMPLE.split('\n').length + 1);
  });

  it('changes the line that counts where a key stands twice', () => {
    expect(editDotEnv('A=1\nA=2\n', { A: '3' })).toBe('A=1\nA=3\n');
  });

  it('is not misled by what looks like a setting inside a value of several lines', () => {
    const before = 'LONG="first\nTOKEN=inside\nlast"\n';
    expect(editDotEnv(before, { TOKEN: 'x' })).toBe(`${before}TOKEN=x\n`);
  });

  it.each(['a\nb', 'a\0b', `every ' and " and \` kind`])('refuses %j, which it cannot hold', (value) => {
    expect(() => editDotEnv('', { KEY: value })).toThrow(/^KEY: expected a value/);
  });

  it('gives back any value, and every other key, whatever is in it', () => {
    const value = fc.string({ unit: fc.constantFrom(...'aZ0 #=$%&\\n\'"`{}!~-:/é😀'), maxLength: 12 });
    const line = fc.oneof(
      fc.string({ unit: fc.constantFrom(...'ABK=# "\'x'), maxLength: 10 }),
      fc.tuple(fc.constantFrom('A', 'B', 'KEY', 'export KEY', '#KEY'), value).map(([k, v]) => `${k}=${v}`),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 6 }), value, (lines, wanted) => {
        const before = lines.join('\n');
        let after: string;
        try {
          after = editDotEnv(before, { KEY: wanted });
        } catch (error) {
          // Refused, rather than written wrongly.
          expect(error).toBeInstanceOf(RangeError);
          return;
        }
        const { KEY: got, ...others } = parsed(after);
        const { KEY: _, ...were } = parsed(before);
        expect([got ?? '', others]).toEqual([wanted, were]);
        expect(editDotEnv(after, { KEY: wanted })).toBe(after);
      }),
      { numRuns: 2000 },
    );
  });
});
