/**
 * What an agent writes, as messages that Telegram takes: Markdown becomes text with entities (never a parse mode, which
 * may fail), in parts that fit; what would be too many parts becomes the first one and the whole as a file.
 * Invariants: the parts joined are the rendered text; each keeps Telegram's rules by itself; the work is bounded,
 * whatever is written, since it is done inside of a transaction. Pure.
 */
import { type Formatted, isBlank } from './format/entities.ts';
import { cleaned, render } from './format/render.ts';
import { split } from './format/split.ts';

/** Before the text of a repeat whose first try may have arrived. */
export const REPEAT_MARK = '↻ ';
/** Telegram takes 4096 and 1024 UTF-16 units; the mark of a repeat must still fit. */
export const MESSAGE_LENGTH = 4096 - REPEAT_MARK.length;
export const CAPTION_LENGTH = 1024 - REPEAT_MARK.length;

/** Above any of these a reply is a file: messages, characters and lines of Markdown. */
const MOST = { parts: 10, characters: 40_000, lines: 3000 } as const;
/** Of the Markdown of a file, what is shown before it. */
const SHOWN = 3000;

export interface FormattedReply {
  /** None of them is blank. */
  parts: Formatted[];
  /** The parts are only how it begins: the whole is this Markdown. */
  whole: string | null;
}

/** As `markdown` is meant, or letter by letter. */
export type Reading = 'markdown' | 'plain';

export function formatReply(source: string, reading: Reading): FormattedReply {
  if (source.length <= MOST.characters && !hasMoreLines(source, MOST.lines)) {
    const parts = partsOf(read(source, reading), MOST.parts + 1);
    if (parts.length <= MOST.parts) return { parts, whole: null };
  }
  const [beginning = ''] = firstOf(split({ text: source.slice(0, 2 * SHOWN), entities: [] }, SHOWN));
  const shown = read(`${clipLines(beginning).trimEnd()}\n\n…`, reading);
  return { parts: partsOf(shown, 1), whole: source };
}

/** What fits a caption, and the messages that take up the rest. */
export function formatCaption(source: string, reading: Reading): { caption: Formatted; rest: Formatted[] } {
  const [caption, ...rest] = [
    ...split(read(source.slice(0, MOST.characters), reading), MESSAGE_LENGTH, CAPTION_LENGTH),
  ];
  return {
    caption: caption && !isBlank(caption.text) ? caption : { text: '', entities: [] },
    rest: rest.filter(({ text }) => !isBlank(text)),
  };
}

const read = (source: string, reading: Reading): Formatted =>
  reading === 'plain' ? { text: cleaned(source), entities: [] } : render(source);

function partsOf(formatted: Formatted, most: number): Formatted[] {
  const parts: Formatted[] = [];
  for (const part of split(formatted, MESSAGE_LENGTH)) {
    if (!isBlank(part.text)) parts.push(part);
    if (parts.length === most) break;
  }
  return parts;
}

function firstOf(parts: Iterable<Formatted>): string[] {
  for (const { text } of parts) return [text];
  return [];
}

function hasMoreLines(text: string, most: number): boolean {
  let lines = 1;
  for (let at = text.indexOf('\n'); at >= 0 && lines <= most; at = text.indexOf('\n', at + 1)) lines += 1;
  return lines > most;
}

/** Forty lines are enough of a beginning. */
const clipLines = (text: string): string => text.split('\n', 40).join('\n');
