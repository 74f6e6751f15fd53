/**
 * A Markdown file with or without YAML front matter, as people and other programs write them. Pure, total: whatever the
 * text is, this returns what it says or the line where it cannot be read, and why.
 */
import { isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Sentence } from '../words.ts';

/** Front matter holds a name and a few words; more is a mistake, or an attack on whoever parses it. */
const MOST_YAML_LENGTH = 8 * 1024;
const MOST_VALUES = 1000;
/** Lists and maps within each other; the parser goes as deep as they do. */
const DEEPEST = 50;
/** Lines, and values within brackets. */
const MOST_PARTS = 400;
const MANY = new Set(['\n', '[', '{', '&', '*', '!', '?']);

export interface Field {
  /** A text (numbers and the like as they are written), or a list of texts. */
  value: string | string[];
  /** Counted from 1, in the file. */
  line: number;
}

export interface MarkdownFile {
  /** By key. What is empty is not there; what is neither text nor a list of texts is known by its key alone (''). */
  fields: ReadonlyMap<string, Field>;
  /** What stands behind the front matter. */
  body: string;
  /** Where it begins. */
  bodyLine: number;
}

/** Why a file cannot be used, and where; `line` null where that cannot be said. */
export interface FileFault {
  line: number | null;
  reason: Sentence;
}

/** The bytes as text without a byte order mark, or the line that is not UTF-8. */
export function decodeText(bytes: Uint8Array): string | FileFault {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return { line: firstBadLine(bytes), reason: (w) => w.files.notUtf8 };
  }
}

/** A line break is one byte that is part of no other character. */
function firstBadLine(bytes: Uint8Array): number {
  for (let line = 1, start = 0; ; line += 1) {
    const end = bytes.indexOf(0x0a, start);
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(start, end === -1 ? undefined : end));
    } catch {
      return line;
    }
    if (end === -1) return line;
    start = end + 1;
  }
}

/** Splits off the front matter and reads it. */
export function readMarkdown(text: string): MarkdownFile | FileFault {
  const lines = text.split(/\r\n|\n|\r/);
  if (!/^---[ \t]*$/.test(lines[0] ?? '')) return { fields: new Map(), body: text.trim(), bodyLine: 1 };
  const end = lines.findIndex((line, index) => index > 0 && /^(?:---|\.\.\.)[ \t]*$/.test(line));
  if (end === -1) return { line: 1, reason: (w) => w.files.openFrontMatter };
  const yaml = lines.slice(1, end).join('\n');
  if (yaml.length > MOST_YAML_LENGTH)
    return { line: 1, reason: (w) => w.files.longFrontMatter(MOST_YAML_LENGTH) };
  const much = tooMuch(yaml);
  if (much !== null) return { line: much.line + 1, reason: (w) => w.files.notYaml(much.detail) };
  const fields = readYaml(yaml);
  if ('reason' in fields) return fields;
  return {
    fields,
    body: lines
      .slice(end + 1)
      .join('\n')
      .trim(),
    bodyLine: end + 2,
  };
}

/**
 * Why nobody needs such front matter, and where; null: it may be read. The parser takes time for each line and value, and goes as deep
 * as they do. What stands between quotation marks counts, too.
 */
function tooMuch(yaml: string): { line: number; detail: string } | null {
  let [depth, line, values] = [0, 1, 0];
  for (const character of yaml) {
    if (character === '\n') line += 1;
    else if (character === '[' || character === '{') depth += 1;
    else if (character === ']' || character === '}') depth = Math.max(0, depth - 1);
    if (MANY.has(character) || (character === ',' && depth > 0)) values += 1;
    if (depth > DEEPEST) return { line, detail: 'nested too deep' };
    if (values > MOST_PARTS) return { line, detail: `more than ${MOST_PARTS} lines and values` };
  }
  return null;
}

function readYaml(yaml: string): Map<string, Field> | FileFault {
  const counter = new LineCounter();
  /** The fence is the file's first line. */
  const lineOf = (offset: number | undefined): number => counter.linePos(offset ?? 0).line + 1;
  const document = parseDocument(yaml, {
    lineCounter: counter,
    prettyErrors: false,
    logLevel: 'silent',
    // Theirs compares each key with all others.
    uniqueKeys: false,
  });
  const [error] = document.errors;
  if (error) {
    const detail = error.message.replace(/\s+/g, ' ').trim();
    return { line: lineOf(error.pos[0]), reason: (w) => w.files.notYaml(detail) };
  }
  const fields = new Map<string, Field>();
  const keys = new Set<string>();
  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.value === null)) return fields;
  if (!('items' in contents) || isSeq(contents))
    return { line: lineOf(contents.range?.[0]), reason: (w) => w.files.notFields };
  for (const { key, value } of contents.items.slice(0, MOST_VALUES)) {
    if (!isScalar(key)) continue;
    const name = String(key.value);
    const line = lineOf(key.range?.[0]);
    if (keys.has(name)) return { line, reason: (w) => w.files.notYaml('Map keys must be unique') };
    keys.add(name);
    const text = fieldValue(value);
    if (text !== null && text !== '') fields.set(name, { value: text, line });
  }
  return fields;
}

function fieldValue(node: unknown): string | string[] | null {
  if (isSeq(node)) {
    const items = node.items.slice(0, MOST_VALUES).map(scalarText);
    return items.flatMap((item) => (item === null || item === '' ? [] : [item]));
  }
  return scalarText(node);
}

/** As it is written: a version 1.10 is no number 1.1. Null for what is empty, and for maps and aliases, which nobody here needs. */
function scalarText(node: unknown): string | null {
  if (!isScalar(node) || node.value === null) return null;
  return (typeof node.value === 'string' ? node.value : (node.source ?? String(node.value))).trim();
}

/** The value of a key where it is a text. */
export function textOf(file: MarkdownFile, key: string): string | null {
  const value = file.fields.get(key)?.value;
  return typeof value === 'string' ? value : null;
}

/** The values of a key: a list, or a text with commas (not those within parentheses). */
export function listOf(file: MarkdownFile, key: string): string[] | null {
  const value = file.fields.get(key)?.value;
  if (value === undefined) return null;
  const parts = typeof value === 'string' ? splitAtCommas(value) : value;
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}

/** From the end, so that each character is looked at once: a comma is within parentheses when the next one behind it closes. */
function splitAtCommas(text: string): string[] {
  const parts: string[] = [];
  let end = text.length;
  let isWithin = false;
  for (let at = text.length - 1; at >= 0; at -= 1) {
    const character = text[at];
    if (character === ')' || character === '(') isWithin = character === ')';
    else if (character === ',' && !isWithin) {
      parts.push(text.slice(at + 1, end));
      end = at;
    }
  }
  parts.push(text.slice(0, end));
  return parts.reverse();
}

/** Text for one line: what is invisible or breaks lines is a space. At most `most` characters, an ellipsis included. */
export function oneLine(text: string, most: number): string {
  const plain = text
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029\s]+/gu, ' ')
    .trim();
  const characters = [...plain];
  return characters.length <= most
    ? plain
    : `${characters
        .slice(0, most - 1)
        .join('')
        .trimEnd()}…`;
}

/** The first heading and the first paragraph of a text that says neither name nor description of itself. Null: there is none. */
export function openingOf(body: string): { heading: string | null; paragraph: string | null } {
  let heading: string | null = null;
  const paragraph: string[] = [];
  let fence: string | null = null;
  for (const line of body.split(/\r\n|\n|\r/)) {
    const mark = /^\s{0,3}(```|~~~)/.exec(line)?.[1];
    if (mark !== undefined && (fence === null || fence === mark)) {
      if (paragraph.length > 0) break;
      fence = fence === null ? mark : null;
      continue;
    }
    if (fence !== null) continue;
    const title = titleOf(line);
    const isText =
      title === null && /[\p{L}\p{N}]/u.test(line) && !/^\s*(?:[-*+]|\d+[.)]|\||<!--)\s?/.test(line);
    if (isText) paragraph.push(line.trim());
    else if (paragraph.length > 0) break;
    if (title !== null && heading === null) heading = plain(title) || null;
  }
  return { heading, paragraph: paragraph.length > 0 ? plain(paragraph.join(' ')) : null };
}

/** What a heading says, without the marks around it. One pass: lines are as long as those who write them like. */
function titleOf(line: string): string | null {
  const marks = /^\s{0,3}#{1,6}(?=\s)/.exec(line);
  if (!marks) return null;
  const text = line.slice(marks[0].length).trim();
  let end = text.length;
  while (text[end - 1] === '#') end -= 1;
  return text.slice(0, end).trimEnd();
}

/** Without the marks of emphasis and code. */
const plain = (text: string): string => text.replace(/\*\*|__|`/g, '').trim();
