/**
 * What the offline agent keeps: facts and notes in the group's memory, where Claude would read them too, and per session a
 * short transcript under its home. It may run outside any container, so it follows no link and leaves no folder.
 */
import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import type { Context } from '../../../src/protocol.ts';
import { dayFile } from './memory.ts';
import { forgetOldest } from './newest-sessions.ts';
import { appendPlainFile, pathInside, readPlainFile, replacePlainFile } from './plain-file.ts';

const HEADING = '## Remembered';
const MEMORY_LIMIT_BYTES = 256 * 1024;
const TRANSCRIPT_LINES = 50;
const LINE_LENGTH = 500;
/** There is no model that counts; so many letters are about a token of one. */
const LETTERS_A_TOKEN = 4;
/** At so many the older half goes. */
const MOST_SESSIONS = 400;
const TRANSCRIPT_LIMIT_BYTES = 1024 * 1024;
const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/**
 * The memory of a group, in the files that Claude is shown, too (memory.ts): facts are list items of MEMORY.md, and, from earlier
 * versions, those under one heading of CLAUDE.md.
 */
export class OfflineMemory {
  readonly #groupDir: string;
  readonly #globalDir: string;

  constructor(groupDir: string, globalDir: string) {
    this.#groupDir = groupDir;
    this.#globalDir = globalDir;
  }

  /** Appends a fact, unless it stands there. `forAll`: for every group. Throws when the file is a link, too large, or not writable. */
  add(fact: string, forAll = false): void {
    const file = join(forAll ? this.#globalDir : this.#groupDir, 'MEMORY.md');
    const content = readPlainFile(file, MEMORY_LIMIT_BYTES) ?? '';
    const line = `- ${plainFact(fact)}`;
    if (content.split('\n').includes(line)) return;
    const before = content === '' ? '# Memory\n\n' : content.endsWith('\n') ? '' : '\n';
    appendPlainFile(file, `${before}${line}\n`);
  }

  /** Appends to the note of a day. Throws as add does. */
  note(text: string, day: string, time: string): void {
    const [folder, file] = dayFile(day);
    const path = pathInside(this.#groupDir, join(folder, file));
    if (path === null) throw new Error('it is not an ordinary file');
    fs.mkdirSync(join(this.#groupDir, folder), { recursive: true });
    const content = readPlainFile(path, MEMORY_LIMIT_BYTES);
    appendPlainFile(path, `${content === null ? `# ${day}\n\n` : ''}- ${time} ${plainFact(text)}\n`);
  }

  /** What is kept for this group, then for all. */
  facts(): string[] {
    const global = this.#read(this.#globalDir, 'MEMORY.md');
    const old = this.#read(this.#groupDir, 'CLAUDE.md');
    const heading = old.lastIndexOf(HEADING);
    return [
      ...items(heading === -1 ? [] : old.slice(heading + 1)),
      ...items(this.#read(this.#groupDir, 'MEMORY.md')),
      ...items(global),
    ];
  }

  /** Of these days. */
  notes(days: readonly string[]): string[] {
    return days.flatMap((day) => items(this.#read(this.#groupDir, join(...dayFile(day)))));
  }

  #read(folder: string, file: string): string[] {
    const path = pathInside(folder, file);
    return path === null ? [] : (readPlainFile(path, MEMORY_LIMIT_BYTES) ?? '').split('\n');
  }
}

const plainFact = (text: string): string => text.replace(/\s+/g, ' ').trim().slice(0, 1000);
const items = (lines: readonly string[]): string[] =>
  lines.flatMap((line) => (/^[-*] +\S/.test(line) ? [line.replace(/^[-*] +/, '')] : []));

/** Words that say nothing about what a question is about. */
const COMMON = new Set(
  'the and for are was were you your our his her their its that this what who whom whose when where which why how does did can could will would should have has had tell about know from with is am be my me we us it of to in on at an do a i'.split(
    ' ',
  ),
);
const wordsOf = (text: string): Set<string> =>
  new Set((text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []).filter((word) => !COMMON.has(word)));

/** Those of the facts that have most of a question's words in common with it, if it is one; the newest first. */
export function factsAbout(question: string, facts: readonly string[]): string[] {
  if (!/\?\s*$/.test(question)) return [];
  const asked = wordsOf(question);
  const common = (fact: string): number => [...wordsOf(fact)].filter((word) => asked.has(word)).length;
  const found = facts.map((fact, index) => ({ fact, index, common: common(fact) }));
  const most = Math.max(0, ...found.map((one) => one.common));
  if (most === 0 || most * 2 < asked.size) return [];
  return found
    .filter((one) => one.common === most)
    .sort((a, b) => b.index - a.index)
    .slice(0, 3)
    .map(({ fact }) => fact);
}

/** Conversations by session id, so that one can be resumed by the next process. */
export class OfflineSessions {
  readonly #directory: string;

  constructor(home: string) {
    this.#directory = join(home, '.nanoclaw-offline');
  }

  /** Opens the asked-for session, or begins one; `fresh` when one was asked for and is gone. */
  open(sessionId: string | null): { id: string; fresh: boolean } {
    if (sessionId !== null && UUID.test(sessionId) && this.#isThere(sessionId)) {
      return { id: sessionId, fresh: false };
    }
    const id = randomUUID();
    fs.mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    forgetOldest(this.#directory, MOST_SESSIONS);
    fs.writeFileSync(this.#path(id), '', { flag: 'wx', mode: 0o600 });
    return { id, fresh: sessionId !== null };
  }

  #isThere(id: string): boolean {
    const stat = fs.lstatSync(this.#path(id), { throwIfNoEntry: false });
    return stat?.isFile() === true && stat.size <= TRANSCRIPT_LIMIT_BYTES;
  }

  said(id: string): string[] {
    const content = readPlainFile(this.#path(id), TRANSCRIPT_LIMIT_BYTES) ?? '';
    return content.split('\n').flatMap((line) => {
      try {
        const entry: unknown = JSON.parse(line);
        return typeof entry === 'string' ? [entry] : [];
      } catch {
        return [];
      }
    });
  }

  add(id: string, requests: readonly string[]): void {
    const kept = [...this.said(id), ...requests.map((text) => text.slice(0, LINE_LENGTH))].slice(
      -TRANSCRIPT_LINES,
    );
    replacePlainFile(this.#path(id), `${kept.map((text) => JSON.stringify(text)).join('\n')}\n`);
  }

  /** Of what it keeps: the oldest falls out where more is said. */
  fullness(id: string): Context {
    const letters = this.said(id).reduce((sum, line) => sum + line.length, 0);
    const window = (TRANSCRIPT_LINES * LINE_LENGTH) / LETTERS_A_TOKEN;
    return { session_id: id, tokens: Math.ceil(letters / LETTERS_A_TOKEN), window };
  }

  #path(id: string): string {
    return join(this.#directory, `${id}.jsonl`);
  }
}
