/**
 * A text with its formatting as Telegram takes it: entities, in UTF-16 units. What is made here is valid by Telegram's
 * rules as it stands: outer before inner and nothing crossing, no type inside itself, nothing inside code and code in
 * nothing but a quote, no code in a link, no quote in a quote, and neither end of an entity on white space. Pure.
 */

export type EntityType =
  | 'bold'
  | 'italic'
  | 'underline'
  | 'strikethrough'
  | 'spoiler'
  | 'code'
  | 'pre'
  | 'text_link'
  | 'blockquote'
  | 'expandable_blockquote';

export interface Entity {
  type: EntityType;
  offset: number;
  length: number;
  /** Of a text_link. */
  url?: string;
  /** Of a pre. */
  language?: string;
}

export interface Formatted {
  text: string;
  entities: Entity[];
}

/** A kind of formatting that is switched on for some of the text. The same object is the same entity. */
export interface Mark {
  readonly type: Exclude<EntityType, 'expandable_blockquote'>;
  readonly url?: string;
  readonly language?: string;
}

/** Telegram's, for one message. */
export const MAX_ENTITIES = 100;
/** A longer quote is folded, in characters or lines. */
const LONG_QUOTE = { characters: 500, lines: 8 } as const;
/** From what may be dropped last to what may be dropped first. */
const WEIGHT: readonly EntityType[] = [
  'pre',
  'spoiler',
  'text_link',
  'expandable_blockquote',
  'blockquote',
  'code',
  'bold',
  'strikethrough',
  'italic',
  'underline',
];
/** Code, and what it may stand in. */
const KEEP_INDENT: ReadonlySet<EntityType> = new Set(['pre', 'blockquote', 'expandable_blockquote']);
const VISIBLE = /[^\s\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]/u;

/** Nothing a reader could see: Telegram refuses a message of it. */
export const isBlank = (text: string): boolean => !VISIBLE.test(text);

/** Takes text in the order of reading, with the marks that are on for it. */
export class Canvas {
  #text = '';
  readonly #runs: { at: number; marks: readonly Mark[] }[] = [];

  get length(): number {
    return this.#text.length;
  }

  isBlankSince(from: number): boolean {
    return isBlank(this.#text.slice(from));
  }

  /** `marks` from the outermost to the innermost. */
  write(text: string, marks: readonly Mark[]): void {
    if (text === '') return;
    const effective = withoutConflicts(marks);
    const last = this.#runs.at(-1);
    const isSame =
      last?.marks.length === effective.length && last.marks.every((mark, i) => mark === effective[i]);
    if (!isSame) this.#runs.push({ at: this.#text.length, marks: effective });
    this.#text += text;
  }

  finish(): Formatted {
    const text = this.#text;
    const entities: Entity[] = [];
    const open: { mark: Mark; entity: Entity }[] = [];
    const closeFrom = (depth: number, at: number) => {
      for (const { entity } of open.splice(depth)) entity.length = at - entity.offset;
    };
    for (const { at, marks } of this.#runs) {
      const over = open.findIndex(({ mark }) => !marks.includes(mark));
      if (over >= 0) closeFrom(over, at);
      for (const mark of marks) {
        if (open.some((o) => o.mark === mark)) continue;
        const { type, url, language } = mark;
        const entity: Entity = { type, offset: at, length: 0 };
        if (url !== undefined) entity.url = url;
        if (language !== undefined) entity.language = language;
        open.push({ mark, entity });
        entities.push(entity);
      }
    }
    closeFrom(0, text.length);
    for (const entity of entities) if (isLongQuote(text, entity)) entity.type = 'expandable_blockquote';
    return { text, entities: trimmed(text, entities) };
  }
}

function isLongQuote(text: string, { type, offset, length }: Entity): boolean {
  if (type !== 'blockquote') return false;
  return (
    length > LONG_QUOTE.characters ||
    text.slice(offset, offset + length).split('\n').length > LONG_QUOTE.lines
  );
}

/** The outermost of each type; in code there is nothing else, and a link stays a link. */
function withoutConflicts(marks: readonly Mark[]): readonly Mark[] {
  const first = marks.filter((mark, i) => marks.findIndex(({ type }) => type === mark.type) === i);
  const isCode = first.some(({ type }) => type === 'pre' || type === 'code');
  if (!isCode) return first;
  const isLink = first.some(({ type }) => type === 'text_link');
  return first.filter(({ type }) =>
    isLink ? type !== 'pre' && type !== 'code' : ['pre', 'code', 'blockquote'].includes(type),
  );
}

/** Without white space at their ends (the indent of code stays) and without those that show nothing; in order. */
export function trimmed(text: string, entities: readonly Entity[]): Entity[] {
  const kept: Entity[] = [];
  for (const entity of entities) {
    const inside = text.slice(entity.offset, entity.offset + entity.length);
    if (isBlank(inside)) continue;
    const lead = KEEP_INDENT.has(entity.type) ? (/^\s*\n/.exec(inside)?.[0].length ?? 0) : leadOf(inside);
    const length = inside.trimEnd().length - lead;
    kept.push({ ...entity, offset: entity.offset + lead, length });
  }
  return kept.sort(inOrder);
}

const leadOf = (text: string) => text.length - text.trimStart().length;

/** Outer before inner. */
const inOrder = (a: Entity, b: Entity) => a.offset - b.offset || b.length - a.length;

/** Those within [from, to), cut where they begin before or go on behind; offsets count from `from`. */
export function clipped(text: string, entities: readonly Entity[], from: number, to: number): Entity[] {
  const cut: Entity[] = [];
  for (const entity of entities) {
    const offset = Math.max(entity.offset, from);
    const end = Math.min(entity.offset + entity.length, to);
    if (offset < end) cut.push({ ...entity, offset: offset - from, length: end - offset });
  }
  return mostImportant(trimmed(text.slice(from, to), cut));
}

function mostImportant(entities: Entity[]): Entity[] {
  if (entities.length <= MAX_ENTITIES) return entities;
  const weight = ({ type }: Entity) => WEIGHT.indexOf(type);
  const kept = [...entities].sort((a, b) => weight(a) - weight(b)).slice(0, MAX_ENTITIES);
  return kept.sort(inOrder);
}

/** The same behind `prefix`. */
export const prefixed = (prefix: string, entities: readonly Entity[]): Entity[] =>
  entities.map((entity) => ({ ...entity, offset: entity.offset + prefix.length }));
