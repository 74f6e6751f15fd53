/**
 * What the offline agent keeps: facts in the group's CLAUDE.md, where Claude would read them too, and per session a
 * short transcript under its home. It may run outside any container, so it follows no link and leaves no folder.
 */
import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { appendPlainFile, readPlainFile, replacePlainFile } from './plain-file.ts';

const HEADING = '## Remembered';
const MEMORY_LIMIT_BYTES = 256 * 1024;
const TRANSCRIPT_LINES = 50;
/** At so many the older half goes. */
const MOST_SESSIONS = 400;
const TRANSCRIPT_LIMIT_BYTES = 1024 * 1024;
const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** The group's memory: list items under one heading of CLAUDE.md. */
export class OfflineMemory {
  readonly #file: string;

  constructor(groupDir: string) {
    this.#file = join(groupDir, 'CLAUDE.md');
  }

  /** Appends a fact. Throws when the file is a link, too large, or not writable. */
  add(fact: string): void {
    const content = readPlainFile(this.#file, MEMORY_LIMIT_BYTES) ?? '';
    const line = `- ${fact.replace(/\s+/g, ' ').trim().slice(0, 1000)}`;
    const lines = content.split('\n');
    const heading = lines.lastIndexOf(HEADING);
    if (heading === -1) {
      appendPlainFile(this.#file, `${content.trim() === '' ? '' : '\n'}${HEADING}\n${line}\n`);
      return;
    }
    let end = heading + 1;
    while (lines[end]?.startsWith('- ')) end += 1;
    lines.splice(end, 0, line);
    replacePlainFile(this.#file, lines.join('\n'));
  }

  facts(): string[] {
    const lines = (readPlainFile(this.#file, MEMORY_LIMIT_BYTES) ?? '').split('\n');
    const heading = lines.lastIndexOf(HEADING);
    if (heading === -1) return [];
    const found: string[] = [];
    for (const line of lines.slice(heading + 1)) {
      if (!line.startsWith('- ')) break;
      found.push(line.slice(2));
    }
    return found;
  }
}

/** Conversations by session id, so that one can be resumed by the next process. */
export class OfflineSessions {
  readonly #directory: string;

  constructor(home: string) {
    this.#directory = join(home, '.nanoclaw-offline');
  }

  /** Opens the asked-for session, or begins one; `fresh` when one was asked for and is gone. */
  open(sessionId: string | null): { id: string; fresh: boolean } {
    if (sessionId !== null && UUID.test(sessionId) && fs.existsSync(this.#path(sessionId))) {
      return { id: sessionId, fresh: false };
    }
    const id = randomUUID();
    fs.mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    this.#forgetOldest();
    fs.writeFileSync(this.#path(id), '', { flag: 'wx', mode: 0o600 });
    return { id, fresh: sessionId !== null };
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
    const kept = [...this.said(id), ...requests.map((text) => text.slice(0, 500))].slice(-TRANSCRIPT_LINES);
    replacePlainFile(this.#path(id), `${kept.map((text) => JSON.stringify(text)).join('\n')}\n`);
  }

  /** Each run of a task with a conversation of its own begins a session that nobody resumes. */
  #forgetOldest(): void {
    const names = fs.readdirSync(this.#directory).filter((name) => name.endsWith('.jsonl'));
    if (names.length < MOST_SESSIONS) return;
    const files = names.map((name) => join(this.#directory, name));
    const age = new Map(files.map((file) => [file, fs.statSync(file).mtimeMs]));
    files.sort((a, b) => (age.get(a) ?? 0) - (age.get(b) ?? 0));
    for (const file of files.slice(0, files.length - MOST_SESSIONS / 2)) fs.rmSync(file, { force: true });
  }

  #path(id: string): string {
    return join(this.#directory, `${id}.jsonl`);
  }
}
