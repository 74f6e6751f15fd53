/**
 * Snapshots in the mailboxes: what an agent can look at without asking. Written after each change, and before a turn where
 * something has changed since; the database is the truth. A file that cannot be written is logged, and the next turn writes it.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { FIRST_PLACE, type Task } from '../db/tasks.ts';
import type { Db } from '../db.ts';
import { messageOf } from '../errors.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import { localTime } from '../lib/local-time.ts';
import type { Logger } from '../log.ts';
import { groupPaths } from '../mailbox/layout.ts';
import { writeSnapshot } from '../mailbox/write.ts';
import type { AvailableGroups, CurrentTasks } from '../protocol.ts';
import { taskRecord } from '../tasks.ts';
import { type ChatJid, type Folder, type Group, type Iso, iso } from '../types.ts';

/** in/available_groups.json, main only: every chat the bot has seen, and whether it is registered. */
export function writeAvailableGroups(db: Db, home: string, group: Group, at: Iso): void {
  if (!group.isMain) return;
  const snapshot: AvailableGroups = {
    written_at: at,
    chats: db.groups.knownChats().map((c) => ({
      chat_jid: c.chatJid,
      name: c.name,
      type: c.type,
      registered: c.folder !== null,
      folder: c.folder,
      last_activity: c.lastActivity,
    })),
  };
  writeSnapshot(groupPaths(home, group.folder), 'available_groups', snapshot);
}

const inSnapshot = (t: Task): CurrentTasks['tasks'][number] => ({
  ...taskRecord(t),
  next_run_local: t.nextRun === null ? null : localTime(Date.parse(t.nextRun), t.timezone),
});

/** Changes of so long a time are one file: with thousands of tasks each is megabytes. */
const SOON_MS = 500;
/** Between two of many at least, and so many times what the last one took: a task that falls due meanwhile must not wait for them. */
const NEXT_MS = 20;
const REST_FACTOR = 10;
/** So many of main's tasks are read in one go, a few milliseconds; then others have their turn. */
export const TASKS_AT_ONCE = 250;

export interface TaskSnapshotsOptions {
  db: Db;
  home: string;
  clock: Clock;
  log: Logger;
}

export interface TaskSnapshots {
  /** The file of the chat's own group, and main's: before somebody is answered who may look. */
  writeNow(jid: ChatJid): void;
  /** The same, some time later, when nobody waits for it. */
  writeSoon(jid: ChatJid): void;
  /** All that the group's agent may look at. As writeIfChanged. */
  writeBeforeTurn(group: Group): Promise<void>;
  /** Resolves when the group's file is no older than the call. Never rejects; never resolves when the daemon stops. */
  writeIfChanged(group: Group): Promise<void>;
  stop(): void;
}

/** Keeps in/current_tasks.json behind the changes: the group's own tasks that are not over; those of all groups for main. */
export function createTaskSnapshots({ db, home, clock, log }: TaskSnapshotsOptions): TaskSnapshots {
  const dirty = new Set<ChatJid>();
  /** What each file shows: of which chat, and the version of the tasks. */
  const shown = new Map<Folder, string>();
  let timer: Timer | undefined;
  let slice: Timer | undefined;
  /** Main's file is being put together. */
  let ofMain: { version: string; done: Promise<void> } | null = null;

  const versionFor = (group: Group): string => `${group.chatJid} ${db.tasks.version()}`;
  const fileOf = (group: Group): string =>
    path.join(groupPaths(home, group.folder).mailbox, 'in', 'current_tasks.json');
  const isFresh = (group: Group): boolean =>
    shown.get(group.folder) === versionFor(group) && existsSync(fileOf(group));

  function write(group: Group, version: string, tasks: CurrentTasks['tasks']): void {
    try {
      const snapshot: CurrentTasks = { written_at: iso(clock.now()), tasks };
      writeSnapshot(groupPaths(home, group.folder), 'current_tasks', snapshot);
      shown.set(group.folder, version);
    } catch (error) {
      log.warn({ event: 'snapshot_failed', group: group.folder }, messageOf(error));
    }
  }

  function writeAtOnce(group: Group): void {
    const version = versionFor(group);
    const tasks = group.isMain ? db.tasks.openAfter(FIRST_PLACE, -1).tasks : db.tasks.openOf(group.folder);
    write(group, version, tasks.map(inSnapshot));
  }

  /** Some tasks at a time. What changes meanwhile makes the file stale, so that it is written again. */
  function writeMain(group: Group): Promise<void> {
    const version = versionFor(group);
    if (ofMain?.version === version) return ofMain.done;
    const before = ofMain?.done ?? Promise.resolve();
    const done = before
      .then(() => new Promise<void>((resolve) => collect(group, version, resolve)))
      .then(() => {
        if (ofMain?.version === version) ofMain = null;
      });
    ofMain = { version, done };
    return done;
  }

  function collect(group: Group, version: string, resolve: () => void): void {
    const tasks: CurrentTasks['tasks'] = [];
    let end = FIRST_PLACE;
    const next = () => {
      if (!db.sqlite.open) return;
      const page = db.tasks.openAfter(end, TASKS_AT_ONCE);
      tasks.push(...page.tasks.map(inSnapshot));
      end = page.end;
      if (page.tasks.length === TASKS_AT_ONCE) {
        slice = clock.after(0, next);
        return;
      }
      write(group, version, tasks);
      resolve();
    };
    next();
  }

  async function writeIfChanged(group: Group): Promise<void> {
    if (isFresh(group)) return;
    if (group.isMain) return await writeMain(group);
    writeAtOnce(group);
  }

  async function writeBeforeTurn(group: Group): Promise<void> {
    try {
      writeAvailableGroups(db, home, group, iso(clock.now()));
    } catch (error) {
      log.warn({ event: 'snapshot_failed', group: group.folder }, messageOf(error));
    }
    await writeIfChanged(group);
  }

  /** One group's file at a time, main's last: it holds the tasks of all. */
  function flush(): void {
    timer = undefined;
    if (!db.sqlite.open) return dirty.clear();
    const main = db.groups.main();
    const next = [...dirty].find((jid) => jid !== main?.chatJid);
    if (next === undefined) {
      dirty.clear();
      if (main) void writeMain(main);
      return;
    }
    const group = db.groups.byJid(next);
    const from = clock.monotonic();
    if (group) writeAtOnce(group);
    dirty.delete(next);
    timer = clock.after(Math.max(NEXT_MS, REST_FACTOR * (clock.monotonic() - from)), flush);
  }

  return {
    writeNow(jid) {
      const main = db.groups.main();
      const group = db.groups.byJid(jid);
      if (main) writeAtOnce(main);
      if (group && group.folder !== main?.folder) writeAtOnce(group);
    },
    writeSoon(jid) {
      dirty.add(jid);
      timer ??= clock.after(SOON_MS, flush);
    },
    writeBeforeTurn,
    writeIfChanged,
    stop() {
      timer?.cancel();
      slice?.cancel();
    },
  };
}
