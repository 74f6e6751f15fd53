/**
 * Text that people wrote, made fit for XML. Pure, and it can be undone: nothing is lost but what XML cannot hold at
 * all. Nothing in it is markup any more, and nothing in it is hidden: what a reader would not see (zero width,
 * direction marks, tags, fillers, controls) is written out as &#x…;, so that text cannot show one thing to people
 * and say another to the agent.
 */

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML 1.0 forbids
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;
/** Format characters, the C1 controls, separators of lines, letters and marks without a shape, noncharacters. */
const HIDDEN =
  /[[\p{Cf}\r\u007f-\u009f\u2028\u2029\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\u{e0100}-\u{e01ef}\p{Noncharacter_Code_Point}]--[\u200c\u200d]]/gv;
/** Joiners and variation selectors, which emoji and several scripts cannot do without. */
// biome-ignore lint/suspicious/noMisleadingCharacterClass: each of them alone is meant
const JOINTS = /[\u200c\u200d\ufe00-\ufe0f]+/g;

/** For text between tags. Line breaks and tabs stay as they are. */
export function escapeText(text: string): string {
  return text
    .toWellFormed()
    .replace(FORBIDDEN, '\ufffd')
    .replace(/[&<>"']/g, (c) => ENTITIES[c] ?? c)
    .replace(JOINTS, (joints, at: number, whole: string) =>
      isNeeded(joints, whole[at - 1], whole[at + joints.length]) ? joints : references(joints),
    )
    .replace(HIDDEN, references);
}

/** For a value between quotes: it also stays on its line. */
export const escapeAttribute = (text: string): string => escapeText(text).replace(/[\t\n]/g, references);

/** One at a time, and between characters that have a use for it; rows of them, or between letters of ASCII, hide data. */
function isNeeded(joints: string, before: string | undefined, after: string | undefined): boolean {
  if (/^[\ufe00-\ufe0f]$/.test(joints)) return before !== undefined && /\S/.test(before);
  const isBetween = [before, after].every((c) => c !== undefined && c > '\u007f');
  return isBetween && /^\ufe0f?[\u200c\u200d]$/.test(joints);
}

const references = (text: string): string =>
  Array.from(text, (c) => `&#x${(c.codePointAt(0) ?? 0).toString(16).toUpperCase()};`).join('');
