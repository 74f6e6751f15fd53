/** nanoclaw logs: the daemon's log for people; the file itself is JSON lines. */
import { closeSync, existsSync, fstatSync, openSync, readSync, statSync, watch } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { LOG_LEVELS as LEVELS } from '../config/settings.ts';
import { homeOf } from '../config.ts';
import { NanoClawError } from '../errors.ts';
import { readable } from '../log.ts';
import { groupPaths } from '../mailbox/layout.ts';
import { FOLDER_PATTERN } from '../types.ts';
import { findGroup, type Output, readDb } from './context.ts';
import { limitOf, oneOf } from './listing.ts';
import { oneLine } from './table.ts';

interface LogFlags extends Output {
  lines: string;
  level: string;
  event?: string;
  group?: string;
  follow?: boolean;
}

export function logsCommand(program: Command): void {
  program
    .command('logs')
    .description('the daemon’s log (nanoclaw.log), readable and filtered')
    .option('--lines <n>', 'how many of the newest', '50')
    .option('--level <level>', `at least: ${LEVELS.join(', ')}`, 'info')
    .option('--event <event>', 'only this event')
    .option('--group <folder>', 'only of this group (folder or chat id)')
    .option('--follow', 'go on with new ones, also over a rotation')
    .option('--json', 'as they are in the file')
    .action(run);
}

async function run(options: LogFlags): Promise<void> {
  const wanted = limitOf(options.lines, '--lines');
  const folder = options.group === undefined ? undefined : await folderOf(options.group);
  const least = LEVELS.indexOf(oneOf('--level', options.level, LEVELS));
  const file = path.join(homeOf(), 'nanoclaw.log');
  const passes = (line: string): boolean => {
    const { level, event, group } = parse(line);
    return (
      LEVELS.indexOf((level ?? 'info') as (typeof LEVELS)[number]) >= least &&
      (options.event === undefined || event === options.event) &&
      (folder === undefined || group === folder)
    );
  };
  const show = (line: string) =>
    process.stdout.write(options.json ? `${line}\n` : `${oneLine(readable(line).trimEnd(), 400)}\n`);
  if (!existsSync(file) && !options.follow) {
    throw new NanoClawError('NO_DAEMON', `There is no ${file}.`, { fix: 'Start the daemon: npm start.' });
  }
  const tail = new Tail(file);
  let shown = false;
  const more = () => {
    if (shown) for (const line of tail.read().filter(passes)) show(line);
  };
  // Before the first look, so that nothing falls between the two.
  const watcher = options.follow ? watch(path.dirname(file), more) : null;
  // The file before this one holds the rest when it was rotated a moment ago.
  const before = new Tail(`${file}.1`);
  for (const line of [...before.read(), ...tail.read()].filter(passes).slice(-wanted)) show(line);
  before.close();
  shown = true;
  if (watcher) {
    more();
    await new Promise(() => {});
  }
  tail.close();
}

/**
 * By folder, also of a group that is registered no more and has left its folder, or by chat id. Throws GROUP_UNKNOWN. The log
 * is what one reads when the database cannot be: then the name is taken as it is.
 */
async function folderOf(which: string): Promise<string> {
  if (FOLDER_PATTERN.test(which) && existsSync(groupPaths(homeOf(), which).groupDir)) return which;
  try {
    return await readDb((db) => findGroup(db, which).folder);
  } catch (error) {
    if (error instanceof NanoClawError && error.code === 'GROUP_UNKNOWN') throw error;
    return which;
  }
}

/** The whole lines that were added since the last look. After a rotation first the rest of the old file, then the new one. */
class Tail {
  readonly #file: string;
  #open: { fd: number; inode: number; offset: number } | undefined;
  #rest = '';

  constructor(file: string) {
    this.#file = file;
  }

  read(): string[] {
    const lines = this.#added();
    const inode = statSync(this.#file, { throwIfNoEntry: false })?.ino;
    if (inode === undefined || inode === this.#open?.inode) return lines;
    this.close();
    const fd = openSync(this.#file, 'r');
    // Of a very large file only the end is looked at.
    this.#open = { fd, inode, offset: Math.max(0, fstatSync(fd).size - MOST_BYTES) };
    return [...lines, ...this.#added()];
  }

  close(): void {
    if (this.#open) closeSync(this.#open.fd);
    this.#open = undefined;
    this.#rest = '';
  }

  #added(): string[] {
    if (!this.#open) return [];
    const { fd, offset } = this.#open;
    const { size } = fstatSync(fd);
    if (size < offset) this.#open.offset = 0; // made shorter in place: from its beginning
    const buffer = Buffer.alloc(Math.max(0, size - this.#open.offset));
    const read = readSync(fd, buffer, 0, buffer.length, this.#open.offset);
    this.#open.offset += read;
    const lines = (this.#rest + buffer.toString('utf8', 0, read)).split('\n');
    this.#rest = lines.pop() ?? '';
    return lines.filter((line) => line !== '');
  }
}

const MOST_BYTES = 64 * 1024 * 1024;

function parse(line: string): { level?: string; event?: string; group?: string } {
  try {
    return JSON.parse(line) as { level?: string };
  } catch {
    return {};
  }
}
