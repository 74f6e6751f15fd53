import { describe, expect, it } from 'vitest';
import { render } from './format/render.ts';
import { split } from './format/split.ts';
import { formatCaption, formatReply, MESSAGE_LENGTH } from './format.ts';

/** `type:what it covers`, with the address or language behind a bar. */
function seen(markdown: string): string[] {
  const { text, entities } = render(markdown);
  return [
    text,
    ...entities.map(({ type, offset, length, url, language }) => {
      const more = url ?? language;
      return `${type}:${text.slice(offset, offset + length)}${more === undefined ? '' : `|${more}`}`;
    }),
  ];
}

describe('Markdown', () => {
  it.each([
    ['**a** *b* _c_ ~~d~~ `e`', ['a b c d e', 'bold:a', 'italic:b', 'italic:c', 'strikethrough:d', 'code:e']],
    ['||a|| <u>b</u> a || b <u> *', ['a b a || b <u> *', 'spoiler:a', 'underline:b']],
    ['**a *b* c**', ['a b c', 'bold:a b c', 'italic:b']],
    ['**a `b` c**', ['a b c', 'bold:a', 'code:b', 'bold:c']],
    ['[**a** `b`](https://e.org/x_y_z)', ['a b', 'text_link:a b|https://e.org/x_y_z', 'bold:a']],
    [
      '[a](./b.md) [c](javascript:x) [](https://e.org)',
      ['a (./b.md) [c](javascript:x) https://e.org', 'text_link:https://e.org|https://e.org'],
    ],
    ['![a cat](https://e.org/c.png)', ['a cat', 'text_link:a cat|https://e.org/c.png']],
    [
      'https://e.org/_a_/b_c_d (<https://e.org/_x_>) @a_b_c',
      ['https://e.org/_a_/b_c_d (https://e.org/_x_) @a_b_c'],
    ],
    ['# A *b*\ntext', ['A b\ntext', 'bold:A b', 'italic:b']],
    ['```js\nlet a;\n```\n\n```\nb\n```', ['let a;\n\nb', 'pre:let a;|js', 'pre:b']],
    ['```python main.py\n  x\n```', ['main.py\n  x', 'pre:  x|python']],
    ['- a\n- b\n  1. c\n  2. d\n     - e\n\n  f', ['• a\n• b\n  1. c\n  2. d\n    ◦ e\n\n  f']],
    ['- [ ] a\n- [x] b', ['☐ a\n☑ b']],
    ['3. a\n4. b', ['3. a\n4. b']],
    ['> a\n> > b\n\nc', ['a\n> b\n\nc', 'blockquote:a\n> b']],
    ['a\n\n---\nb', ['a\n\n———\nb']],
    ['a\n---', ['a\n———']],
    ['[todo]: buy milk and\n[^1]: note', ['[todo]: buy milk and\n[^1]: note']],
    ['<b>a</b> &lt; <br>x', ['<b>a</b> < \nx']],
    [
      '| A | B |\n|:--|--:|\n| a | 1.5 |\n| bb | 日本 | more |',
      [
        'A      B\n──  ────  ────\na    1.5\nbb  日本  more',
        'pre:A      B\n──  ────  ────\na    1.5\nbb  日本  more',
      ],
    ],
  ])('%j', (markdown, expected) => {
    expect(seen(markdown)).toEqual(expected);
  });

  it('shows a table that is too wide for a phone, or has links, row by row', () => {
    const wide = `| Name | What it is |\n|---|---|\n| **x** | ${'word '.repeat(10)}|\n| [y](https://e.org) | |`;
    expect(seen(wide)).toEqual([
      `Name | What it is\n• x\n  What it is: ${'word '.repeat(10).trim()}\n• y`,
      'bold:Name | What it is',
      'bold:x',
      'bold:y',
      'text_link:y|https://e.org',
    ]);
  });

  it('folds a long quote', () => {
    expect(render(`> ${'a '.repeat(300)}`).entities[0]?.type).toBe('expandable_blockquote');
  });

  it('shows what is nested too deeply as it was written', () => {
    const deep = `${'> '.repeat(200)}word`;
    expect(render(deep)).toEqual({ text: deep, entities: [] });
  });
});

describe('cutting', () => {
  const texts = (markdown: string, limit: number) =>
    [...split(render(markdown), limit)].map(({ text }) => text);

  it('prefers a paragraph, a line, a sentence, a word', () => {
    expect(texts('aaaa bbbb\n\ncccc', 12)).toEqual(['aaaa bbbb\n\n', 'cccc']);
    expect(texts('aaaa. bb cc dd', 12)).toEqual(['aaaa. bb cc ', 'dd']);
    expect(texts('aaaa aaaa. bb cc', 14)).toEqual(['aaaa aaaa. ', 'bb cc']);
    expect(texts('aaa bbb ccc', 8)).toEqual(['aaa bbb ', 'ccc']);
    expect(texts('abcdefgh', 4)).toEqual(['abcd', 'efgh']);
  });

  it('leaves characters whole', () => {
    expect(texts('👨‍👩‍👧x👨‍👩‍👧', 12)).toEqual(['👨‍👩‍👧x', '👨‍👩‍👧']);
    expect(texts('e\u0301'.repeat(3), 3)).toEqual(['e\u0301', 'e\u0301', 'e\u0301']);
    // Longer than a part: then at least no surrogate pair is cut.
    expect(texts('😀'.repeat(3), 3)).toEqual(['😀', '😀', '😀']);
  });

  it('closes a fence and opens it again with its language', () => {
    const code = Array.from({ length: 30 }, (_, i) => `  line ${i};`).join('\n');
    const parts = [...split(render(`Look:\n\n\`\`\`js\n${code}\n\`\`\`\n\nDone.`), 120)];
    for (const { text, entities } of parts.slice(1, -1)) {
      expect(entities).toEqual([{ type: 'pre', language: 'js', offset: 0, length: text.trimEnd().length }]);
      expect(text).toMatch(/^ {2}line/);
    }
    expect(parts.at(-1)?.text).toMatch(/\n\nDone\.$/);
  });

  it('cuts before a fence rather than inside of it', () => {
    expect(texts(`${'a'.repeat(60)}\n\n\`\`\`\nb\n\nc\nd\n\`\`\``, 66)[0]).toBe(`${'a'.repeat(60)}\n\n`);
  });

  it('leaves no more than a hundred entities in a part', () => {
    const parts = [...split(render('**a** *b* '.repeat(300)), MESSAGE_LENGTH)];
    expect(parts.map(({ entities }) => entities.length).every((count) => count <= 100)).toBe(true);
    const dense = [...split(render('**word word word** x '.repeat(150)), MESSAGE_LENGTH)];
    expect(dense.flatMap(({ entities }) => entities)).toHaveLength(150);
  });
});

describe('a reply', () => {
  it('of 30 KB with code arrives in parts', () => {
    const block = `Some words about it.\n\n\`\`\`ts\n${'const a = 1;\n'.repeat(60)}\`\`\`\n\n`;
    const { parts, whole } = formatReply(block.repeat(36), 'markdown');
    expect(whole).toBeNull();
    expect(parts.length).toBeLessThanOrEqual(10);
    expect(parts.map(({ text }) => text).join('')).toBe(render(block.repeat(36)).text);
  });

  it('that is very long is its beginning and the whole as a file', () => {
    const long = '# Title\n\n**Some** words.\n\n'.repeat(5000);
    const { parts, whole } = formatReply(long, 'markdown');
    expect(whole).toBe(long);
    expect(parts).toHaveLength(1);
    expect(parts[0]?.text).toMatch(/^Title\n\nSome words\.[\s\S]*\n\n…$/);
    expect(formatReply('a\n'.repeat(4000), 'markdown').whole).not.toBeNull();
  });

  it('that shows nothing has no part', () => {
    expect(formatReply(' \u200b\n', 'markdown').parts).toEqual([]);
  });

  it('is left as it was written where that is wanted', () => {
    expect(formatReply('**a**', 'plain').parts).toEqual([{ text: '**a**', entities: [] }]);
  });

  it('as a caption leaves to messages what is too long', () => {
    const { caption, rest } = formatCaption(`**a** ${'word '.repeat(300)}`, 'markdown');
    expect(caption.entities).toEqual([{ type: 'bold', offset: 0, length: 1 }]);
    expect(caption.text.length).toBeLessThanOrEqual(1022);
    expect(rest).toHaveLength(1);
  });
});
