/**
 * What the assistant and the specialists say to each other in a turn, as a file that people can read:
 * `conversations/team/<date>-<topic>.md`, one a turn, begun with its first question. A question stands there as soon as it is
 * asked, its answer below it as soon as it is given. Decoration: what cannot be written down fails no turn.
 */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { localTime } from '../../../src/lib/local-time.ts';
import { nameSlug } from '../../../src/lib/name-slug.ts';
import type { TurnFile } from '../../../src/protocol.ts';
import { appendPlainFile, pathInside } from './plain-file.ts';

const FOLDER = 'conversations/team';
/** Of a question or an answer; the rest is left out, and that is said. */
const MAX_SAID = 64 * 1024;
const MAX_FILES_ALIKE = 1000;

export interface TeamLogOptions {
  groupDir: string;
  now: () => number;
  log: (line: string) => void;
}

export class TeamLog {
  readonly #options: TeamLogOptions;
  readonly #turn: Pick<TurnFile, 'group_name' | 'assistant_name' | 'timezone'>;
  readonly #open = new Map<string, { to: string; at: number }>();
  #file: string | null = null;

  constructor(options: TeamLogOptions, turn: Pick<TurnFile, 'group_name' | 'assistant_name' | 'timezone'>) {
    this.#options = options;
    this.#turn = turn;
  }

  /** `id` is of this exchange; `topic` a few words. Makes the specialist's folder, too. */
  asked(id: string, to: string, topic: string, question: string): void {
    this.#open.set(id, { to, at: this.#options.now() });
    this.#try(() => {
      const { groupDir } = this.#options;
      const folder = pathInside(groupDir, to);
      if (folder !== null && !fs.existsSync(folder)) fs.mkdirSync(folder);
      const title = topic.trim() || to;
      this.#append(
        title,
        `## ${this.#time()} ${this.#turn.assistant_name} → ${to}: ${line(title)}\n\n${quoted(short(question))}\n`,
      );
    });
  }

  answered(id: string, answer: string): void {
    this.#end(id, (to, after) => `### ${to}, after ${after}\n\n${short(answer).trim() || '(no words)'}\n`);
  }

  failed(id: string, why: string): void {
    this.#end(id, (to, after) => `### ${to} did not answer (${after}): ${line(why)}\n`);
  }

  /** The turn is over: what is open stays unanswered. */
  close(): void {
    for (const id of [...this.#open.keys()]) this.failed(id, 'the turn ended before');
  }

  #end(id: string, words: (to: string, after: string) => string): void {
    const open = this.#open.get(id);
    if (!open) return;
    this.#open.delete(id);
    const seconds = Math.max(0, Math.round((this.#options.now() - open.at) / 1000));
    this.#try(() => this.#append(open.to, words(open.to, `${seconds} s`)));
  }

  #append(title: string, text: string): void {
    this.#file ??= this.#begin(title);
    appendPlainFile(this.#file, `\n${text}`);
  }

  #begin(title: string): string {
    const { groupDir } = this.#options;
    const folder = pathInside(groupDir, FOLDER);
    if (folder === null) throw new Error(`${FOLDER} is a link`);
    fs.mkdirSync(folder, { recursive: true });
    const day = this.#time('day');
    const stem = `${day}-${[...nameSlug(title)].slice(0, 48).join('').replace(/-+$/, '') || 'talk'}`;
    for (let n = 1; n <= MAX_FILES_ALIKE; n += 1) {
      const file = join(folder, n === 1 ? `${stem}.md` : `${stem}-${n}.md`);
      try {
        const about = `${day} (${this.#turn.timezone}), in ${line(this.#turn.group_name)}`;
        fs.writeFileSync(file, `# ${line(title)}\n\n${about}\n`, { flag: 'wx' });
        return file;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
    throw new Error(`there are too many files ${stem}`);
  }

  /** Of the turn's zone: the day, or the time of day. */
  #time(part: 'day' | 'time' = 'time'): string {
    const local = localTime(this.#options.now(), this.#turn.timezone);
    return part === 'day' ? local.slice(0, 10) : local.slice(11, 19);
  }

  #try(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#options.log(`an exchange with a specialist was not written down: ${String(error)}`);
    }
  }
}

const line = (text: string): string => text.replace(/\s+/g, ' ').trim().slice(0, 200);
const quoted = (text: string): string => text.trim().replace(/^/gm, '> ');
const short = (text: string): string =>
  text.length <= MAX_SAID ? text : `${text.slice(0, MAX_SAID).toWellFormed()}\n\n(the rest is left out)`;
