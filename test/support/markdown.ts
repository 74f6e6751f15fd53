/** Documents as agents write them, and noise among them: every word of a document is there once, and can be looked for. */
import fc from 'fast-check';

/** Becomes a word of its own. */
const SLOT = '\ue000';
const WORD = /w\d+q/g;

const word = fc.constantFrom(
  ...[
    SLOT,
    `日本${SLOT}`,
    `שלום${SLOT}`,
    `${SLOT}e\u0301\u0323`,
    `👨‍👩‍👧‍👦${SLOT}`,
    `नमस्ते${SLOT}`,
    `𝔘${SLOT}`,
    `مرحبا ${SLOT}`,
  ],
);
const words = fc.array(word, { minLength: 1, maxLength: 6 }).map((list) => list.join(' '));
const noise = fc.constantFrom(
  ...[
    '*',
    '**',
    '_',
    '__',
    '~~',
    '||',
    '|',
    '`',
    '``',
    '[',
    ']',
    '](',
    '![',
    '(',
    ')',
    '<',
    '>',
    '\\',
    '#',
    '- ',
    '1. ',
  ],
  ...[
    '&amp;',
    '&#0;',
    '\u200b',
    '\u200f',
    '\u202e',
    '\u0301',
    '\ufe0f',
    '\u2028',
    '  \n',
    '\t',
    '\0',
    '<br>',
    '<u>',
    '</u>',
    '<b>',
  ],
  ...['$x$', '[^1]', '@nina', 'a_b_c', 'x*y*z', '...', '🇩🇪', '\ud83d', '\r\n'],
);
const address = fc.constantFrom(
  ...[
    `https://e.example/${SLOT}`,
    `http://e.example/${SLOT}?a=${SLOT}&b_c=(${SLOT})`,
    `./${SLOT}.md`,
    `mailto:${SLOT}@e.example`,
    '',
  ],
);

const { inline } = fc.letrec<{ inline: string; piece: string }>((tie) => {
  const wrap = (from: string, to = from) => tie('inline').map((text) => `${from}${text}${to}`);
  return {
    inline: fc.array(tie('piece'), { minLength: 1, maxLength: 4 }).map((list) => list.join(' ')),
    piece: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      words,
      words,
      words.map((text) => `\`${text}\``),
      noise,
      fc.tuple(word, noise, word).map((list) => list.join('')),
      wrap('**'),
      wrap('*'),
      wrap('_'),
      wrap('~~'),
      wrap('||'),
      wrap('<u>', '</u>'),
      fc.tuple(tie('inline'), address).map(([text, url]) => `[${text}](${url})`),
      fc.tuple(words, address, words).map(([text, url, title]) => `[${text}](${url} "${title}")`),
      fc.tuple(words, address).map(([text, url]) => `![${text}](${url})`),
      address.map((url) => `<${url}>`),
      address,
    ),
  };
});

const lines = fc.array(inline, { minLength: 1, maxLength: 3 }).map((list) => list.join('\n'));
const indented = (text: string, by: string) => text.replaceAll('\n', `\n${by}`);
const cells = (count: number) => fc.array(inline, { minLength: count, maxLength: count + 1 });
const table = fc.integer({ min: 1, max: 5 }).chain((columns) =>
  fc
    .tuple(
      fc.array(words, { minLength: columns, maxLength: columns }),
      fc.array(fc.constantFrom('-', ':-', ':-:', '-:'), { minLength: columns, maxLength: columns }),
      fc.array(cells(columns), { maxLength: 4 }),
    )
    .map((rows) => {
      const [head, rule, body] = rows;
      return [head, rule, ...body].map((row) => `| ${row.join(' | ').replaceAll('\n', ' ')} |`).join('\n');
    }),
);
const fence = fc
  .tuple(
    fc.constantFrom('```', '~~~', '````'),
    fc.constantFrom('', 'js', SLOT, `c++ ${SLOT}`),
    fc.array(fc.oneof(words, noise, fc.constant('')), { maxLength: 12 }),
  )
  .map(([mark, info, code]) => `${mark}${info}\n${code.join('\n  ')}\n${mark}`);

const { block } = fc.letrec<{ block: string; blocks: string; list: string }>((tie) => ({
  blocks: fc.array(tie('block'), { minLength: 1, maxLength: 3 }).map((list) => list.join('\n\n')),
  list: fc
    .tuple(
      fc.constantFrom('- ', '* ', '1. ', '7) ', '- [ ] ', '- [x] '),
      fc.array(fc.oneof(lines, tie('blocks')), { minLength: 1, maxLength: 4 }),
      fc.constantFrom('\n', '\n\n'),
    )
    .map(([mark, items, gap]) =>
      items
        .map((item) => mark + indented(item, ' '.repeat(mark.trim().startsWith('-') ? 2 : mark.length)))
        .join(gap),
    ),
  block: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    lines,
    lines,
    fence,
    table,
    fc.tuple(fc.integer({ min: 1, max: 6 }), inline).map(([level, text]) => `${'#'.repeat(level)} ${text}`),
    fc.constantFrom(
      '---',
      '***',
      '',
      '```',
      `[${SLOT}]: ${SLOT}`,
      `<div>${SLOT}</div>`,
      `    ${SLOT}\n     ${SLOT}`,
      `${SLOT}\n===`,
      `[^1]: ${SLOT}`,
      '<!-- -->',
    ),
    tie('list'),
    tie('blocks').map((text) => `> ${indented(text, '> ')}`),
    fc.array(noise, { maxLength: 30 }).map((list) => list.join('')),
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.tuple(lines, fc.integer({ min: 2, max: 60 })).map(([text, times]) => `${text}\n`.repeat(times)),
  ),
}));

export const markdown: fc.Arbitrary<string> = fc
  .tuple(fc.array(block, { minLength: 1, maxLength: 6 }), fc.constantFrom('\n\n', '\n', '\n\n\n'))
  .map(([blocks, gap]) => {
    let count = 0;
    return blocks.join(gap).replaceAll(SLOT, () => {
      count += 1;
      return `w${count}q`;
    });
  });

export const wordsOf = (text: string): string[] => text.match(WORD) ?? [];
