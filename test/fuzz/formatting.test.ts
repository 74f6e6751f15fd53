/**
 * Random Markdown documents: what is made of them keeps Telegram's rules by an independent check, the parts joined are
 * the rendered text with its formatting, none is too long, and no word of the source is lost.
 * A thousand in `npm test`, 100,000 in `npm run test:fuzz`; a failure names the seed, FUZZ_SEED repeats it.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Entity, Formatted } from '../../src/format/entities.ts';
import { render } from '../../src/format/render.ts';
import { split } from '../../src/format/split.ts';
import { formatCaption, formatReply, MESSAGE_LENGTH } from '../../src/format.ts';
import { markdown, wordsOf } from '../support/markdown.ts';
import { entityProblem } from '../support/telegram-rules.ts';

const INPUTS = Number(process.env.FUZZ_INPUTS ?? 1000);
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
const MOST_PARTS = 200;
const HOUR_MS = 60 * 60_000;

it(
  `${INPUTS} documents become messages that Telegram takes (seed ${SEED})`,
  () => {
    let parts = 0;
    let entities = 0;
    const limits = fc.constantFrom(MESSAGE_LENGTH, MESSAGE_LENGTH, 1000, 100, 37, 2);
    const check = (source: string, chosen: number) => {
      const whole = render(source);
      // Thousands of parts of one document show nothing that a few hundred do not.
      const limit = Math.max(chosen, Math.ceil(whole.text.length / MOST_PARTS));
      const cut = [...split(whole, limit)];
      parts += cut.length;
      entities += whole.entities.length;
      expect(cut.map(({ text }) => text).join('')).toBe(whole.text);
      expect(cut.filter(({ text }) => text.length > limit)).toEqual([]);
      expect(cut.flatMap((part) => entityProblem(part.text, part.entities) ?? [])).toEqual([]);
      // Beyond a hundred some are left out on purpose.
      if (cut.every((part) => part.entities.length < 100)) expect(looks(cut)).toBe(looks([whole]));
      expect(missing(source, whole)).toEqual([]);
    };
    fc.assert(fc.property(markdown, limits, check), {
      numRuns: INPUTS,
      seed: SEED,
      endOnFailure: INPUTS > 1000,
    });
    if (INPUTS > 1000)
      console.log(`formatting: ${INPUTS} documents, ${entities} entities, ${parts} parts, seed ${SEED}`);
  },
  HOUR_MS,
);

it('replies and captions are made of parts that are valid by themselves', () => {
  const check = (source: string) => {
    const { parts, whole } = formatReply(source, 'markdown');
    const { caption, rest } = formatCaption(source, 'markdown');
    expect(caption.text.length).toBeLessThanOrEqual(1022);
    for (const part of [...parts, caption, ...rest]) {
      expect(part.text.length).toBeLessThanOrEqual(MESSAGE_LENGTH);
      expect(entityProblem(part.text, part.entities)).toBeNull();
    }
    for (const part of [...parts, ...rest]) expect(part.text.trim()).not.toBe('');
    if (whole !== null) expect([parts.length, whole]).toEqual([1, source]);
  };
  fc.assert(fc.property(markdown, check), { numRuns: INPUTS / 10, seed: SEED });
});

/** Each visible letter with what it looks like, a line each. */
function looks(parts: readonly Formatted[]): string {
  const lines: string[] = [];
  for (const { text, entities } of parts) {
    const kinds = Array.from({ length: text.length }, () => '');
    for (const { type, offset, length, url = '', language = '' } of sorted(entities))
      for (let at = offset; at < offset + length; at += 1) kinds[at] += ` ${type}${url}${language}`;
    for (const [at, kind] of kinds.entries())
      if (/[\p{L}\p{N}]/u.test(text.charAt(at))) lines.push(text.charAt(at) + kind);
  }
  return lines.join('\n');
}

/** By kind: where two begin together, cutting may change which is the outer one. */
const sorted = (entities: readonly Entity[]) => [...entities].sort((a, b) => (a.type < b.type ? -1 : 1));

function missing(source: string, { text, entities }: Formatted): string[] {
  const addresses = entities.map(({ url = '', language = '' }) => `${url} ${language}`);
  const shown = new Set(wordsOf([text, ...addresses].join(' ')));
  return wordsOf(source).filter((word) => !shown.has(word));
}
