/**
 * A question as Telegram shows it, and what its buttons say when they are pressed. Pure. A button names its question, the
 * rev of what was shown, and what it stands for: `<id>.<rev>.<verb>[.<value>]`, at most 64 bytes.
 */
import type { InlineKeyboardButton, InlineKeyboardMarkup } from 'grammy/types';
import type { Question } from '../db/questions.ts';
import type { Words } from '../words.ts';
import type { Option } from './choices.ts';

/** Below Telegram's hundred buttons, and what fits onto a phone. */
export const PER_PAGE = 8;
/** Telegram's limit. */
const MOST_DATA_BYTES = 64;
const MOST_LABEL = 60;

export type Verb = 'choose' | 'page' | 'yes' | 'back' | 'no';
const LETTERS: Record<Verb, string> = { choose: 'c', page: 'p', yes: 'y', back: 'b', no: 'n' };

export interface Pressed {
  id: string;
  rev: number;
  verb: Verb;
  value: string;
}

export interface View {
  text: string;
  keyboard: InlineKeyboardMarkup;
}

type Shown = Pick<Question, 'id' | 'rev' | 'page'>;

/** Null: it is none of ours. */
export function readPress(data: string): Pressed | null {
  const [, id, rev, letter, value = ''] = /^([\w-]{1,20})\.(\d{1,9})\.([a-z])(?:\.(.*))?$/.exec(data) ?? [];
  const verb = (Object.keys(LETTERS) as Verb[]).find((each) => LETTERS[each] === letter);
  return id === undefined || verb === undefined ? null : { id, rev: Number(rev), verb, value };
}

/** The page that there is: of fewer options than there were, the last one. */
export function listView(question: Shown, title: string, options: readonly Option[], words: Words): View {
  const pages = Math.max(1, Math.ceil(options.length / PER_PAGE));
  const page = Math.min(Math.max(0, question.page), pages - 1);
  const rows = options
    .slice(page * PER_PAGE, (page + 1) * PER_PAGE)
    .map(({ value, label }) => [button(question, 'choose', label, value)]);
  const turning = [
    ...(page > 0 ? [button(question, 'page', words.before, String(page - 1))] : []),
    ...(page < pages - 1 ? [button(question, 'page', words.further, String(page + 1))] : []),
  ];
  const text = pages > 1 ? `${title} ${words.pageOf(page + 1, pages)}` : title;
  return {
    text,
    keyboard: {
      inline_keyboard: [
        ...rows,
        ...(turning.length > 0 ? [turning] : []),
        [button(question, 'no', words.neverMind)],
      ],
    },
  };
}

/** `back`: there is a list to go back to. */
export function confirmView(
  question: Shown,
  text: string,
  labels: { yes: string; no: string; back: string | null },
): View {
  const last = [
    ...(labels.back === null ? [] : [button(question, 'back', labels.back)]),
    button(question, 'no', labels.no),
  ];
  return { text, keyboard: { inline_keyboard: [[button(question, 'yes', labels.yes)], last] } };
}

function button({ id, rev }: Shown, verb: Verb, label: string, value?: string): InlineKeyboardButton {
  const data = `${id}.${rev}.${LETTERS[verb]}${value === undefined ? '' : `.${value}`}`;
  if (Buffer.byteLength(data) > MOST_DATA_BYTES) throw new Error(`"${data}" is too long for a button`);
  return { text: short(label), callback_data: data };
}

/** Titles and prompts are people's words: one line, and no half of a character at its end. */
function short(label: string): string {
  const line = label.replace(/[\p{Cc}\u2028\u2029\s]+/gu, ' ').trim();
  if (line.length <= MOST_LABEL) return line === '' ? '…' : line;
  return `${line
    .slice(0, MOST_LABEL - 1)
    .toWellFormed()
    .replace(/\ufffd$/, '')}…`;
}
