/** What costs a reader of Markdown most, found by hand and by search: each piece, said again and again. Pure. */

const PIECES: Readonly<Record<string, string | readonly [head: string, again: string]>> = {
  'quotes in quotes': '>',
  'quotes that come and go': '> a\n> > b\n',
  'lists in lists': '- ',
  'lists in quotes': '> - ',
  'a list of three levels': '- a\n  - b\n    - c\n',
  numbers: '1. a\n',
  'boxes to tick': '- [ ] a\n',
  headings: '# a\n',
  rules: '---\n',
  'opening brackets': '[',
  'closing brackets': ']',
  'links that never end': '[a](',
  'pictures in pictures': '![a](',
  links: '[a](https://e.example/b) ',
  stars: '*',
  'stars and words': '**a ',
  'two kinds of stars': '*a **b ',
  'emphasis of all kinds': 'a*b_c**d__',
  'waves and words': '~~a ',
  bars: '|',
  'hidden and not': '||a ',
  backticks: '`',
  'code that never ends': '`a ``b ```c ',
  'fences by the line': '```\n',
  'fences with a word': '```js\na\n```\n',
  'a fence that never ends': ['```\n', 'a\n'],
  'a table of many rows': ['|a|b|\n|-|-|\n', '|a|b|\n'],
  'a table of emoji': ['|a|b|\n|-|-|\n', '🇩🇪**__[**"\n'],
  'a table with links': ['|a|b|\n|-|-|\n', '|[a](https://e.example)|b|\n'],
  'a table whose bars are escaped': ['|a|b|\n|-|-|\n', '\\|'],
  'a table of very many columns': [
    `|${'a|'.repeat(5000)}\n|${'-|'.repeat(5000)}\n`,
    `|${'b|'.repeat(5000)}\n`,
  ],
  'rows that are too long': ['|a|b|\n|-|-|\n', '||||||||||||||||||\n'],
  'tables by the two lines': 'a|b\n-|-\n',
  'less than': '<',
  'underlines that never end': '<u>',
  'underlines that never begin': '</u>',
  underlined: '<u>a</u>',
  'comments that never end': '<!--',
  'tags that never end': '<a href="',
  'addresses in brackets': '<https://e.example/a>',
  'addresses that begin': 'https://a',
  'addresses with brackets': ['https://', '(a)'],
  'broken addresses': 'http://((((',
  entities: '&amp;',
  ampersands: '&#',
  backslashes: '\\',
  'lines without words': '\n',
  'lines of one letter': 'a\n',
  blanks: ' ',
  'blanks at line ends': 'a  \n',
  'marks on one letter': ['a', '\u0301'],
  'one endless emoji': '👨‍',
  'halves of pairs': '\ud83d',
  'Chinese without an end': '日本語',
  sentences: '. ',
  'one word': 'x',
  notes: '<internal>',
  'a mixture':
    '## Title\n\nSome **bold** and *it* with `code` and [a](https://e.example/x).\n\n- one\n- two\n\n',
};

export const PLAIN_PIECE = 'Some plain words in a sentence, and another one. Then a line.\n\n';

/** The piece again and again, in so many characters, of at most so many lines. */
export function repeated(piece: string | readonly [string, string], length: number, lines: number): string {
  const [head, again] = typeof piece === 'string' ? ['', piece] : piece;
  const text = (head + again.repeat(Math.ceil(length / again.length))).slice(0, length);
  return text.split('\n', lines).join('\n');
}

/** By name. */
export function hostileDocuments(
  length: number,
  lines: number = Number.POSITIVE_INFINITY,
): Map<string, string> {
  const most = Number.isFinite(lines) ? lines : length + 1;
  return new Map(Object.entries(PIECES).map(([name, piece]) => [name, repeated(piece, length, most)]));
}
