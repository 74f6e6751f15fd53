/**
 * What one group's mailbox holds, taken in slices: some files, some milliseconds, then others have their turn.
 *   a pass: list the events, then the commands → take the commands → take the events, in one COMMIT
 * In this order, because what was asked before a turn ended was written before its end: it is seen, and done, first.
 * The pace, what may wait and what is a flood is in quota.ts. What cannot be taken is set aside with its reason, and
 * whoever asked is told. The events of a running turn are never lost in a flood: their names are known.
 */
import path from 'node:path';
import type { GroupPaths } from '../mailbox/layout.ts';
import { type MailboxDirectory, openMailboxDirectory } from '../mailbox/read.ts';
import type { Trash } from '../mailbox/trash.ts';
import { pruneResults, writeResult } from '../mailbox/write.ts';
import { COMMAND_DIRECTORY, type Command, commandSchema } from '../protocol/commands.ts';
import { type AgentEvent, eventFileName, eventSchema, MAILBOX, type ResultFile } from '../protocol.ts';
import type { Folder } from '../types.ts';
import { createAside, type OutDirectory } from './aside.ts';
import { type ExecuteOptions, execute, knownResult } from './execute.ts';
import { createBucket, overQuota, QUOTA } from './quota.ts';
import { idOfName, readJson } from './read-json.ts';

export interface IntakeOptions extends ExecuteOptions {
  /** Takes an event and commits it. Returns false to leave the file for the next look (an earlier one is missing). */
  onEvent: (folder: Folder, event: AgentEvent) => boolean;
  /** An event of a turn could not be read: its number counts as taken. */
  onLostEvent: (folder: Folder, turn: string, n: number) => void;
}

/** `waiting`: there are files, and for so long they may not be taken. */
export type Progress = { state: 'empty' | 'more' } | { state: 'waiting'; ms: number };

export interface Intake {
  /** Takes what one go may take. Throws what the database and the disk throw; then the files stay. */
  slice(): Progress;
  /** A file of this name was taken and removed, and nobody has asked since. */
  hasRemoved(name: string): boolean;
}

const EVENT_NAME = /^([0-9a-f-]{36})-(\d{6})\.json$/;
/** The least that a flooded or paced mailbox is left alone. */
const LEAST_WAIT_MS = 250;
/** Of a directory that is taken away as a whole, so many are looked at before. */
const LOOKED_AT_IN_FLOOD = 500;

interface Listing {
  dir: OutDirectory;
  items: (string | Buffer)[];
  next: number;
  flooded: boolean;
}

/** `wait`: not now, and what comes behind it need not be tried. */
type Taken = 'done' | 'left' | 'wait';

export function createIntake(
  options: IntakeOptions,
  folder: Folder,
  paths: GroupPaths,
  trash: Trash,
  /** A directory was replaced: who watches it must watch the new one. */
  onRenewed: () => void,
): Intake {
  const { db, clock } = options;
  const { setAside, renew } = createAside(options, folder, paths, trash);
  const commands = createBucket(clock, QUOTA.commandsPerMinute, QUOTA.commandsPerMinute);
  const bytes = createBucket(clock, QUOTA.bytesPerMinute, QUOTA.bytesPerMinute);
  const events = createBucket(clock, QUOTA.eventsAtOnce, QUOTA.eventsPerMinute);
  /** Commands above the pace, `dir/name`, in the order in which they were found. */
  const waiting = new Set<string>();
  /** What we have removed and nobody has asked about; cleared where file events are lost. */
  const removed = new Set<string>();
  let pass: Listing[] | null = null;
  let waitMs = 0;
  let lookAgain = false;
  let answers = 0;
  /** Events could not be taken together: one by one until that works, so that one at fault holds up only what comes behind it. */
  let isWary = false;

  function slice(): Progress {
    const until = clock.monotonic() + QUOTA.sliceMs;
    let files = QUOTA.filesAtOnce;
    const mayGoOn = () => files-- > 0 && clock.monotonic() < until;
    try {
      pass ??= begin();
      for (let listing = pass[0]; listing; pass.shift(), listing = pass[0]) {
        const directory = openMailboxDirectory(path.join(paths.mailbox, listing.dir));
        if (!directory) continue;
        try {
          if (!takeFrom(listing, directory, mayGoOn)) return { state: 'more' };
        } finally {
          directory.close();
        }
      }
    } catch (error) {
      pass = null;
      throw error;
    }
    pass = null;
    if (lookAgain) return { state: 'more' };
    return waitMs > 0 ? { state: 'waiting', ms: Math.max(LEAST_WAIT_MS, waitMs) } : { state: 'empty' };
  }

  function begin(): Listing[] {
    waitMs = 0;
    lookAgain = false;
    if (removed.size >= QUOTA.entries) removed.clear();
    const [messages, tasks, eventFiles] = [MAILBOX.messages, MAILBOX.tasks, MAILBOX.events];
    const last = list(eventFiles);
    const listings = [list(messages), list(tasks), last];
    const there = new Set(listings.flatMap((l) => l.items.map((item) => `${l.dir}/${item}`)));
    for (const key of waiting) if (!there.has(key)) waiting.delete(key);
    return listings;
  }

  function list(dir: OutDirectory): Listing {
    const directory = openMailboxDirectory(path.join(paths.mailbox, dir));
    if (!directory) return { dir, items: [], next: 0, flooded: false };
    try {
      const { names, bad, more } = directory.list(QUOTA.entries);
      if (more) return { dir, items: names.slice(0, LOOKED_AT_IN_FLOOD), next: 0, flooded: true };
      // What waits longest goes first, whatever its name.
      const first = names.filter((name) => waiting.has(`${dir}/${name}`));
      const items = first.length === 0 ? names : [...new Set([...waitingIn(dir, new Set(first)), ...names])];
      return { dir, items: [...items, ...bad], next: 0, flooded: false };
    } finally {
      directory.close();
    }
  }

  const waitingIn = (dir: string, there: ReadonlySet<string>): string[] =>
    [...waiting].map((key) => key.slice(dir.length + 1)).filter((name) => there.has(name));

  /** False when the slice is over before the listing is. The events that lie there are taken in one transaction. */
  function takeFrom(listing: Listing, directory: MailboxDirectory, mayGoOn: () => boolean): boolean {
    if (listing.dir !== MAILBOX.events || listing.flooded) return takeItems(listing, directory, mayGoOn);
    const apart = isWary || listing.items.length - listing.next < 2;
    isWary = true;
    const take = () => takeItems(listing, directory, mayGoOn);
    const isOver = apart ? take() : db.transaction(take);
    isWary = false;
    return isOver;
  }

  function takeItems(listing: Listing, directory: MailboxDirectory, mayGoOn: () => boolean): boolean {
    const { dir, items, flooded } = listing;
    let skipped = '';
    if (flooded && dir === MAILBOX.events && !takeRunning(directory, mayGoOn)) return false;
    while (listing.next < items.length) {
      if (!mayGoOn()) return false;
      const item = items[listing.next] ?? '';
      listing.next += 1;
      if (typeof item !== 'string') {
        setAside(dir, directory, item, 'the name is not that of a mailbox file');
        continue;
      }
      // Behind a gap nothing of the same turn can be taken.
      if (skipped !== '' && item.startsWith(skipped)) continue;
      const taken =
        dir === MAILBOX.events ? takeEvent(directory, item) : takeCommand(dir, directory, item, flooded);
      if (taken === 'wait') break;
      if (taken === 'left') {
        skipped = item.slice(0, 36);
        lookAgain = true;
      }
    }
    if (flooded && !(dir === MAILBOX.events && waitMs > 0)) takeAway(dir);
    return true;
  }

  /** Events of this group's running turns, by their names: in a flood no listing finds them. */
  function takeRunning(directory: MailboxDirectory, mayGoOn: () => boolean): boolean {
    const open = db.turns.open().filter((turn) => turn.folder === folder && turn.state === 'running');
    for (const { id } of open) {
      for (let n = nextEvent(id); n !== null; n = nextEvent(id)) {
        const name = eventFileName(id, n);
        if (!exists(directory, name)) break;
        if (!mayGoOn()) return false;
        if (takeEvent(directory, name) !== 'done') break;
      }
    }
    return true;
  }

  function nextEvent(turn: string): number | null {
    const known = db.turns.byId(turn);
    return known?.state === 'running' ? known.lastEvent + 1 : null;
  }

  function takeEvent(directory: MailboxDirectory, name: string): Taken {
    if (!events.ready()) {
      waitMs = Math.max(waitMs, events.waitMs());
      return 'wait';
    }
    const read = readJson(directory, name, eventSchema);
    if (read === 'gone') return 'done';
    events.use(1);
    if ('reason' in read) {
      const [, turn, n] = EVENT_NAME.exec(name) ?? [];
      if (turn && n) options.onLostEvent(folder, turn, Number(n));
      db.afterCommit(() => void setAside(MAILBOX.events, directory, name, read.reason));
      return 'done';
    }
    options.reach?.('event.read');
    if (!options.onEvent(folder, read.value)) return 'left';
    db.afterCommit(() => remove(directory, name));
    return 'done';
  }

  function takeCommand(
    dir: OutDirectory,
    directory: MailboxDirectory,
    name: string,
    flooded: boolean,
  ): Taken {
    const key = `${dir}/${name}`;
    const mayWait = waiting.has(key) || waiting.size < QUOTA.commandsWaiting;
    const isDue = commands.ready() && bytes.ready();
    if (!isDue && flooded) return 'wait';
    if (!isDue && mayWait) {
      waiting.add(key);
      waitMs = Math.max(waitMs, commands.waitMs(), bytes.waitMs());
      return 'done';
    }
    waiting.delete(key);
    const read = readJson(directory, name, commandSchema);
    if (read === 'gone') return 'done';
    const problem = 'reason' in read ? read.reason : !isDue ? overQuota() : misplaced(read.value, dir);
    if (problem !== null || 'reason' in read) {
      refuse(dir, directory, name, problem ?? '', 'reason' in read ? read.id : read.value.id);
      return 'done';
    }
    const asker = db.groups.byFolder(folder);
    if (!asker) {
      refuse(dir, directory, name, 'this group is not registered any more', read.value.id);
      return 'done';
    }
    commands.use(1);
    bytes.use(read.bytes);
    options.reach?.('command.read');
    const from = clock.monotonic();
    const result = execute(options, asker, read.value);
    commands.use((clock.monotonic() - from) / QUOTA.commandMs);
    if (result !== null) answer(result);
    options.reach?.('command.answered');
    remove(directory, name);
    return 'done';
  }

  const misplaced = (command: Command, dir: string): string | null =>
    `out/${COMMAND_DIRECTORY[command.type]}` === dir
      ? null
      : `${command.type} belongs into out/${COMMAND_DIRECTORY[command.type]}`;

  /** Set aside first: a command that is told to be refused must not be found and done later. */
  function refuse(
    dir: string,
    directory: MailboxDirectory,
    name: string,
    why: string,
    id: string | null,
  ): void {
    const told = id ?? idOfName(name);
    if (!setAside(dir, directory, name, why) || told === null) return;
    const known = knownResult(db, folder, told);
    if (known !== 'waiting') answer(known ?? { id: told, ok: false, reason: why });
  }

  function takeAway(dir: OutDirectory): void {
    if (!renew(dir)) return;
    for (const key of waiting) if (key.startsWith(`${dir}/`)) waiting.delete(key);
    onRenewed();
    lookAgain = true;
  }

  function answer(result: ResultFile): void {
    if (answers % 100 === 0) pruneResults(paths, QUOTA.results);
    answers += 1;
    writeResult(paths, result);
  }

  /** What an agent has swapped for a directory meanwhile goes, too. */
  function remove(directory: MailboxDirectory, name: string): void {
    try {
      directory.unlink(name);
      if (removed.size < QUOTA.entries) removed.add(name);
    } catch {
      trash.take((target) => directory.move(name, target));
    }
  }

  return { slice, hasRemoved: (name) => removed.delete(name) };
}

function exists(directory: MailboxDirectory, name: string): boolean {
  try {
    directory.stat(name);
    return true;
  } catch {
    return false;
  }
}
