import { expect, test } from 'vitest';
import { readablePage } from './readable-page.ts';

test('a page becomes its text: title, lines, links, entities; nothing of scripts, styles or comments', () => {
  const html = `<!doctype html><html><head><title>Tides</title><style>p{color:red}</style></head><body>
    <SCRIPT>alert("<p>no</p>")</SCRIPT><!-- <p>not this</p> --><h1>High &amp; low</h1>
    <p>At <b>6:10</b>&nbsp;o&#8217;clock, see <a href="https://example.org/t?a=1">the table</a>.</p>
    <ul><li>one<li>two</ul><p>1 < 2</p></body></html>`;
  expect(readablePage(html)).toBe(
    'Tides\n\nHigh & low\n\nAt 6:10 o’clock, see the table (https://example.org/t?a=1).\n\n- one\n- two\n\n1 < 2',
  );
});

test('broken and hostile pages end, with what there is to read', () => {
  expect(readablePage('<p>begun <script>never ended')).toBe('begun');
  expect(readablePage('a &#1114112; &#55296; b <')).toBe('a \ufffd b <');
  const many = '<'.repeat(200_000);
  expect(readablePage(many).length).toBeLessThanOrEqual(many.length);
});
