/**
 * A conversation that is about to be compacted, as Markdown that people can read: `conversations/<day>-<time>-<topic>.md`.
 * What an earlier compaction has archived is not archived again. Decoration: what cannot be written stops no compaction.
 */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { localTime } from '../../../src/lib/local-time.ts';
import { nameSlug } from '../../../src/lib/name-slug.ts';
import { pathInside } from './plain-file.ts';
import { readablePrompt } from './readable-prompt.ts';

const FOLDER = 'conversations';
/** Of a transcript the newest part is read, pictures and all; of an archive, and of what one says, no more is written. */
const MOST_READ = 128 * 1024 * 1024;
const MOST_WRITTEN = 4 * 1024 * 1024;
const MOST_SAID = 64 * 1024;

/** Where an archive goes, and what stands above it. */
export interface ArchivePlace {
  groupDir: string;
  nowMs: number;
  timezone: string;
  groupName: string;
  assistantName: string;
}

/** One part of a conversation as it is kept. */
export interface Said {
  text: string;
  /** Its first words, for a name. */
  topic: string;
}

/** Of Claude Code's own record, a JSON object per line. As archiveSaid. */
export function archiveTranscript(input: ArchivePlace & { transcript: string }): string | null {
  const { assistantName, timezone } = input;
  return archiveSaid(input, readSaid(readEnd(input.transcript), assistantName, timezone));
}

/** Returns the file's path, relative to the group's folder; null when there was nothing to keep. Throws what the file system throws. */
export function archiveSaid(place: ArchivePlace, said: readonly Said[]): string | null {
  const { groupDir, nowMs, timezone, groupName } = place;
  const [first] = said;
  if (first === undefined) return null;
  const now = localTime(nowMs, timezone);
  const lines = [`# ${groupName.replace(/\s+/g, ' ')}, until ${now.slice(0, 16)} (${timezone})`];
  let length = 0;
  for (const one of said) {
    length += one.text.length;
    if (length > MOST_WRITTEN) {
      lines.push('(the rest is left out: the conversation is longer than an archive may be)');
      break;
    }
    lines.push(one.text);
  }
  const folder = pathInside(groupDir, FOLDER);
  if (folder === null) throw new Error(`${FOLDER} is a link`);
  fs.mkdirSync(folder, { recursive: true });
  const topic = [...nameSlug(first.topic)].slice(0, 48).join('').replace(/-+$/, '');
  const stem = `${now.slice(0, 10)}-${now.slice(11, 16).replace(':', '')}${topic === '' ? '' : `-${topic}`}`;
  return writeNew(folder, stem, `${lines.join('\n\n')}\n`);
}

function writeNew(folder: string, stem: string, text: string): string {
  for (let n = 1; ; n += 1) {
    const name = n === 1 ? `${stem}.md` : `${stem}-${n}.md`;
    try {
      fs.writeFileSync(join(folder, name), text, { flag: 'wx' });
      return `${FOLDER}/${name}`;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || n > 1000) throw error;
    }
  }
}

function readEnd(file: string): string {
  const fd = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
  try {
    const { size } = fs.fstatSync(fd);
    const buffer = Buffer.alloc(Math.min(size, MOST_READ));
    const length = fs.readSync(fd, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString('utf8', 0, length);
  } finally {
    fs.closeSync(fd);
  }
}

interface Entry {
  type?: unknown;
  subtype?: unknown;
  isMeta?: unknown;
  isSidechain?: unknown;
  isCompactSummary?: unknown;
  timestamp?: unknown;
  message?: { content?: unknown };
}

interface Block {
  type?: unknown;
  text?: unknown;
  name?: unknown;
  input?: unknown;
}

function readSaid(transcript: string, assistantName: string, timezone: string): Said[] {
  let said: Said[] = [];
  for (const line of transcript.split('\n')) {
    const entry = parsed(line);
    if (entry === null) continue;
    // What lies before was archived then.
    if (entry.type === 'system' && entry.subtype === 'compact_boundary') said = [];
    if (entry.isMeta === true || entry.isSidechain === true || entry.isCompactSummary === true) continue;
    const time = timeOf(entry.timestamp, timezone);
    const blocks = blocksOf(entry.message?.content);
    if (entry.type === 'user') {
      const text = readablePrompt(textsOf(blocks));
      if (text !== '')
        said.push({ text: `## ${time}\n\n${short(text)}`, topic: text.replace(/\*\*.*?\*\*:?/g, '') });
    }
    if (entry.type === 'assistant') {
      const parts = blocks.map(spoken).filter(Boolean).join('\n\n');
      if (parts !== '') said.push({ text: `**${assistantName}**: ${short(parts)}`, topic: '' });
    }
  }
  return said;
}

function parsed(line: string): Entry | null {
  if (line.trim() === '') return null;
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Entry) : null;
  } catch {
    return null;
  }
}

const blocksOf = (content: unknown): Block[] =>
  typeof content === 'string'
    ? [{ type: 'text', text: content }]
    : Array.isArray(content)
      ? (content as Block[])
      : [];

const textsOf = (blocks: readonly Block[]): string =>
  blocks.flatMap(({ type, text }) => (type === 'text' && typeof text === 'string' ? [text] : [])).join('\n');

/** What is only thought is not kept; of a tool, its name and what is short. */
function spoken({ type, text, name, input }: Block): string {
  if (type === 'text' && typeof text === 'string') return text.trim();
  return type === 'tool_use' && typeof name === 'string' ? usedTool(name, input) : '';
}

export function usedTool(name: string, input: unknown): string {
  const about = JSON.stringify(input) ?? '';
  return `*(${name}: ${about.length > 200 ? `${about.slice(0, 200).toWellFormed()}…` : about})*`;
}

function timeOf(timestamp: unknown, timezone: string): string {
  const ms = typeof timestamp === 'string' ? Date.parse(timestamp) : Number.NaN;
  return Number.isNaN(ms) ? '' : localTime(ms, timezone).slice(0, 19);
}

/** As long as it may stand in an archive. */
export const short = (text: string): string =>
  text.length <= MOST_SAID ? text : `${text.slice(0, MOST_SAID).toWellFormed()} (the rest is left out)`;
