import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  brief,
  fingerprintOf,
  type McpDefinition,
  MOST_SHOWN,
  readDefinition,
  secretsOf,
  showDefinition,
} from './definition.ts';

const read = (value: unknown, name = 'weather'): McpDefinition => {
  const definition = readDefinition(name, value);
  if ('problem' in definition) throw new Error(definition.problem);
  return definition;
};
const problem = (value: unknown, name = 'weather'): string => {
  const definition = readDefinition(name, value);
  return 'problem' in definition ? definition.problem : `taken: ${JSON.stringify(definition)}`;
};
const ref = (name: string) => `\${secret:${name}}`;

describe('a definition', () => {
  it('of both kinds is read as it is written', () => {
    expect(read({ command: 'npx', args: ['-y', 'x'], env: { B: '2', A: '1' } })).toEqual({
      name: 'weather',
      type: 'stdio',
      command: 'npx',
      args: ['-y', 'x'],
      env: { A: '1', B: '2' },
    });
    const http = {
      type: 'http',
      url: 'https://a.example/mcp?x=1',
      headers: { Authorization: `Bearer ${ref('key')}` },
    };
    expect(read(http)).toEqual({
      name: 'weather',
      type: 'http',
      url: 'https://a.example/mcp?x=1',
      headers: { authorization: `Bearer ${ref('key')}` },
    });
    expect(secretsOf(read(http))).toEqual(['key']);
  });

  it.each<[string, unknown, RegExp, string?]>([
    ['no object', 'npx', /^expected an object/],
    ['sse', { type: 'sse', url: 'https://a.example' }, /^type: sse .* expected http/],
    ['an unknown type', { type: 'ws', url: 'wss://a.example' }, /^type: expected stdio or http$/],
    ['an address without a type', { url: 'https://a.example' }, /^type: expected "http" beside url$/],
    ['no command', {}, /^command: expected a program$/],
    ['a command that is none', { command: 7 }, /^command: expected a program$/],
    ['an argument that is no text', { command: 'a', args: [1] }, /^args\.0: expected a text$/],
    ['arguments that are no list', { command: 'a', args: 'x' }, /^args: expected a list of texts$/],
    ['a key of another program', { command: 'a', cwd: '/' }, /^unknown cwd$/],
    [
      'a variable with a bad name',
      { command: 'a', env: { 'A B': '1' } },
      /^env\.A B: expected the name of a variable/,
    ],
    ['NUL', { command: 'a\0b' }, /^command: expected a program without NUL/],
    ['half of a character', { command: 'a', args: ['\ud800'] }, /^args\.0: /],
    ['a secret in the environment', { command: 'a', env: { KEY: ref('key') } }, /^env\.KEY: .*agent’s hands/],
    ['something to fill in', { command: 'a', args: [`\${HOME}/x`] }, /^args\.0: expected no \$\{…\}/],
    ['a file', { type: 'http', url: 'file:///etc/passwd' }, /^url: expected http/],
    ['a password in the address', { type: 'http', url: 'https://a:b@c.example' }, /^url: expected/],
    [
      'an address that looks like another',
      { type: 'http', url: 'https://ex\u0430mple.org' },
      /^url: expected/,
    ],
    ['a back slash in the address', { type: 'http', url: 'https://a.example\\@b.example' }, /^url: expected/],
    [
      'a header of the connection',
      { type: 'http', url: 'https://a.example', headers: { Host: 'b' } },
      /^headers\.host: /,
    ],
    ['a header twice', { type: 'http', url: 'https://a.example', headers: { A: '1', a: '2' } }, /once/],
    [
      'a line break in a header',
      { type: 'http', url: 'https://a.example', headers: { A: '1\r\nB: 2' } },
      /^headers\.A: /,
    ],
    [
      'another reference',
      { type: 'http', url: 'https://a.example', headers: { A: `\${KEY}` } },
      /^headers\.A: expected \$\{secret:NAME\}/,
    ],
    ['a name in capitals', { command: 'a' }, /^expected a name of a-z/, 'Weather'],
    ['a name of ours', { command: 'a' }, /taken/, 'nanoclaw'],
    ['the name of the browser', { command: 'a' }, /taken/, 'browser'],
    [
      'too much to be shown',
      { command: 'a', args: Array.from({ length: 40 }, () => 'x'.repeat(100)) },
      /^expected at most 2500 characters as it is shown/,
    ],
  ])('with %s is refused with key and expectation', (_, value, expected, name) => {
    expect(problem(value, name)).toMatch(expected);
  });

  it('shows all of it in plain ASCII, so that two that differ look different', () => {
    const text = fc
      .string({ unit: 'binary', maxLength: 20 })
      .filter((t) => !t.includes('\0') && !t.includes('$'));
    const definition = fc.record({ command: text, args: fc.array(text, { maxLength: 4 }) });
    fc.assert(
      fc.property(definition, definition, (a, b) => {
        const [one, other] = [readDefinition('a', a), readDefinition('a', b)];
        if ('problem' in one || 'problem' in other) return;
        const [shown, otherShown] = [showDefinition(one), showDefinition(other)];
        expect(shown).toMatch(/^[\x20-\x7e\n]*$/);
        expect(shown.length).toBeLessThanOrEqual(MOST_SHOWN);
        expect(shown === otherShown).toBe(fingerprintOf(one) === fingerprintOf(other));
        expect(brief(one)).toMatch(/^[\x20-\x7e…]*$/);
      }),
    );
    expect(showDefinition(read({ command: 'p\u0430y', args: ['a\u202eb\u200b'] }))).toContain(
      '"command": "p\\u0430y",\n  "args": [\n   "a\\u202eb\\u200b"',
    );
  });
});
