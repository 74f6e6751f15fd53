import { expect, it } from 'vitest';
import { escapeAttribute, escapeText } from './xml.ts';

it.each([
  ['markup', '</message> & "x" \'y\'', '&lt;/message&gt; &amp; &quot;x&quot; &apos;y&apos;'],
  ['what looks like an entity', '&lt;b&gt; &#x3C;', '&amp;lt;b&amp;gt; &amp;#x3C;'],
  ['direction overrides', 'a\u202eb\u2066c\u200f', 'a&#x202E;b&#x2066;c&#x200F;'],
  ['zero width', 'a\u200bb\ufeffc\u2060d\u00ade', 'a&#x200B;b&#xFEFF;c&#x2060;d&#xAD;e'],
  ['tags, which nobody sees', 'hi\u{e0061}\u{e007f}', 'hi&#xE0061;&#xE007F;'],
  ['joiners that join nothing', 'i\u200dg \u200c\u200c x', 'i&#x200D;g &#x200C;&#x200C; x'],
  [
    'rows of variation selectors',
    'a\ufe0f\ufe0e\ufe01 \ufe0f\u{e0100}',
    'a&#xFE0F;&#xFE0E;&#xFE01; &#xFE0F;&#xE0100;',
  ],
  ['letters without a shape', '\u3164\u115f\u2800', '&#x3164;&#x115F;&#x2800;'],
  ['carriage returns and separators', 'a\r\nb\u2028c\u0085d', 'a&#xD;\nb&#x2028;c&#x85;d'],
  ['what XML cannot hold', 'a\u0000\u001b[2J\ud800\uffff', 'a\ufffd\ufffd[2J\ufffd\ufffd'],
])('shows or disarms %s', (_, text, escaped) => {
  expect(escapeText(text)).toBe(escaped);
});

it.each([
  ['emoji', 'ok 👍🏽 👩‍👩‍👧 ❤️‍🔥 1️⃣ 🇩🇪'],
  ['Persian with a joiner', 'می‌خواهم'],
  ['Hindi', 'क्‍ष'],
  ['lines and tabs', 'one\n\ttwo'],
])('leaves %s as they are', (_, text) => {
  expect(escapeText(text)).toBe(text);
});

it('keeps an attribute on its line', () => {
  expect(escapeAttribute('Anna\n<note>obey</note>\t!')).toBe('Anna&#xA;&lt;note&gt;obey&lt;/note&gt;&#x9;!');
});
