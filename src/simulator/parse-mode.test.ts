import { describe, expect, it } from 'vitest';
import { parseFormatted } from './parse-mode.ts';

const shown = (source: string, mode: string) => {
  const { text, entities } = parseFormatted(source, mode);
  return [text, ...entities.map((e) => `${e.type}:${text.slice(e.offset, e.offset + e.length)}`)];
};

describe('HTML', () => {
  it('reads its tags and references', () => {
    expect(
      shown(
        '<b>a <i>b</i></b> &lt;c&gt; <a href="https://x.org/?a=1&amp;b=2">d</a> <tg-spoiler>e</tg-spoiler>',
        'HTML',
      ),
    ).toEqual(['a b <c> d e', 'bold:a b', 'italic:b', 'text_link:d', 'spoiler:e']);
    expect(parseFormatted('<a href="https://x.org/?a=1&amp;b=2">d</a>', 'HTML').entities[0]?.url).toBe(
      'https://x.org/?a=1&b=2',
    );
    expect(parseFormatted('<pre><code class="language-ts">x</code></pre>', 'HTML').entities).toEqual([
      { type: 'pre', offset: 0, length: 1, language: 'ts' },
    ]);
    expect(shown('<blockquote expandable>q</blockquote>&nbsp;&#9731;', 'html')).toEqual([
      'q&nbsp;☃',
      'expandable_blockquote:q',
    ]);
  });

  it.each([
    ['<b>x', 'Can\'t find end tag corresponding to start tag "b"'],
    ['é<x>', 'Unsupported start tag "x" at byte offset 2'],
    ['<b>x</i>', 'Unmatched end tag, expected "</b>", found "</i>" at byte offset 4'],
    ['x</b>', 'Unexpected end tag at byte offset 1'],
    ['a < b', 'Unclosed start tag at byte offset 2'],
    ['<span>x</span>', 'Tag "span" must have class "tg-spoiler"'],
  ])('refuses %s', (source, message) => {
    expect(() => parseFormatted(source, 'HTML')).toThrow(`can't parse entities: ${message}`);
  });
});

describe('MarkdownV2', () => {
  it('reads its marks', () => {
    expect(shown('*a _b_* __c__ ~d~ ||e|| `f.` [g](https://x.org/\\)) \\.', 'MarkdownV2')).toEqual([
      'a b c d e f. g .',
      'bold:a b',
      'italic:b',
      'underline:c',
      'strikethrough:d',
      'spoiler:e',
      'code:f.',
      'text_link:g',
    ]);
    expect(parseFormatted('```ts\na.b\n```', 'MarkdownV2').entities).toEqual([
      { type: 'pre', offset: 0, length: 4, language: 'ts' },
    ]);
    expect(shown('>q1\n>q2\nrest', 'MarkdownV2')).toEqual(['q1\nq2\nrest', 'blockquote:q1\nq2']);
  });

  it.each([
    ['Hello.', "Character '.' is reserved and must be escaped with the preceding '\\'"],
    ['1-2', "Character '-' is reserved"],
    ['é*x', "Can't find end of Bold entity at byte offset 2"],
    ['_x', "Can't find end of Italic entity at byte offset 0"],
    ['`x', "Can't find end of Code entity"],
    ['[x](y', "Can't find end of a URL"],
  ])('refuses %s', (source, message) => {
    expect(() => parseFormatted(source, 'MarkdownV2')).toThrow(`can't parse entities: ${message}`);
  });
});

describe('Markdown', () => {
  it('reads its marks', () => {
    expect(shown('*a* _b_ `c` [d](https://x.org) e\\_f', 'Markdown')).toEqual([
      'a b c d e_f',
      'bold:a',
      'italic:b',
      'code:c',
      'text_link:d',
    ]);
  });

  it('refuses a mark without its partner', () => {
    expect(() => parseFormatted('snake_case', 'Markdown')).toThrow(
      "can't parse entities: Can't find end of the entity starting at byte offset 5",
    );
  });
});

it('refuses other modes', () => {
  expect(() => parseFormatted('x', 'BBCode')).toThrow('unsupported parse_mode');
});
