/**
 * What Telegram makes of the text a bot sends: entities are checked and put in order, the ends are trimmed, the
 * length is judged after that. Whatever does not hold is a 400 with Telegram's words. Pure.
 */
import { badRequest } from './api-error.ts';
import { findEntities } from './entities.ts';
import { parseFormatted } from './parse-mode.ts';
import type { SimEntity } from './types.ts';

export const MAX_TEXT = 4096;
export const MAX_CAPTION = 1024;
const MAX_ENTITIES = 100;

const ENTITY_TYPES = new Set(
  'mention hashtag cashtag bot_command url email phone_number bold italic underline strikethrough spoiler blockquote expandable_blockquote code pre text_link text_mention custom_emoji date_time'.split(
    ' ',
  ),
);

export interface FormattedText {
  readonly text: string;
  readonly entities: SimEntity[];
}

/** The text as it will stand in the chat. `parseMode` wins over `entities`, as in Telegram. */
export function formatText(raw: string, parseMode: string | undefined, entities: unknown): FormattedText {
  const parsed = parseMode ? parseFormatted(raw, parseMode) : { text: raw, entities: readEntities(entities) };
  const checked = trim(parsed.text, nest(checkBounds(parsed.text, parsed.entities)));
  return {
    text: checked.text,
    entities: findEntities(checked.text, checked.entities).slice(0, MAX_ENTITIES),
  };
}

/** Nothing a reader could see, such as blanks and zero-width characters. */
export function isBlank(text: string): boolean {
  return /^[\s\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]*$/u.test(text);
}

function readEntities(value: unknown): SimEntity[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw badRequest("can't parse entities: expected an Array of MessageEntity");
  return value.map((item: unknown) => {
    if (typeof item !== 'object' || item === null)
      throw badRequest("can't parse MessageEntity: expected an Object");
    const entity = item as Record<string, unknown>;
    if (typeof entity.type !== 'string' || !ENTITY_TYPES.has(entity.type))
      throw badRequest("can't parse MessageEntity: Unsupported type specified");
    for (const field of ['offset', 'length'] as const)
      if (!Number.isInteger(entity[field]))
        throw badRequest(`can't parse MessageEntity: Field "${field}" must be of type Number`);
    if (entity.type === 'text_link' && typeof entity.url !== 'string')
      throw badRequest('can\'t parse MessageEntity: Can\'t find field "url"');
    return item as SimEntity;
  });
}

function checkBounds(text: string, entities: readonly SimEntity[]): SimEntity[] {
  for (const { offset, length } of entities) {
    if (offset < 0 || offset > 1_000_000) throw badRequest('receive an entity with incorrect offset');
    if (length <= 0) continue;
    const end = offset + length;
    if (end > text.length)
      throw badRequest(
        `entity beginning at UTF-16 offset ${offset} ends after the end of the text at UTF-16 offset ${end}`,
      );
    if (cutsSymbol(text, offset))
      throw badRequest(
        `entity begins in a middle of a UTF-16 symbol at byte offset ${Buffer.byteLength(text.slice(0, offset + 1))}`,
      );
    if (cutsSymbol(text, end))
      throw badRequest(
        `entity beginning at UTF-16 offset ${offset} ends in a middle of a UTF-16 symbol at byte offset ${Buffer.byteLength(text.slice(0, end + 1))}`,
      );
  }
  return entities.filter((e) => e.length > 0 && !isBlank(text.slice(e.offset, e.offset + e.length)));
}

function cutsSymbol(text: string, at: number): boolean {
  const before = text.charCodeAt(at - 1);
  const after = text.charCodeAt(at);
  return before >= 0xd800 && before <= 0xdbff && after >= 0xdc00 && after <= 0xdfff;
}

/** Sorts outer before inner; what crosses another's end is cut there; inside code there is only code. */
function nest(entities: readonly SimEntity[]): SimEntity[] {
  const order = (a: SimEntity, b: SimEntity) => a.offset - b.offset || b.length - a.length;
  const todo = [...entities].sort(order);
  const open: SimEntity[] = [];
  const result: SimEntity[] = [];
  for (let next = todo.shift(); next; next = todo.shift()) {
    if (result.length > 4 * MAX_ENTITIES) break;
    while (open.length > 0 && endOf(open.at(-1)) <= next.offset) open.pop();
    const parent = open.at(-1);
    const isCode = parent?.type === 'pre' || parent?.type === 'code';
    const overlap = parent ? endOf(next) - endOf(parent) : 0;
    if (parent && overlap > 0) {
      todo.push({ ...next, offset: endOf(parent), length: overlap });
      todo.sort(order);
    }
    if (isCode) continue;
    const kept = overlap > 0 && parent ? { ...next, length: endOf(parent) - next.offset } : next;
    result.push(kept);
    open.push(kept);
  }
  return result;
}

function endOf(entity: SimEntity | undefined): number {
  return entity ? entity.offset + entity.length : 0;
}

function trim(text: string, entities: readonly SimEntity[]): FormattedText {
  const end = text.trimEnd().length;
  const blanks = text.length - text.trimStart().length;
  const start = Math.min(blanks, entities[0]?.offset ?? blanks, end);
  return {
    text: text.slice(start, end),
    entities: entities
      .map((e) => ({ ...e, offset: e.offset - start, length: Math.min(endOf(e), end) - e.offset }))
      .filter((e) => e.length > 0),
  };
}
