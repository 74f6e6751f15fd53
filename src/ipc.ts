/**
 * IPC: what agents leave in their mailboxes, taken once.
 *   file → read safely → parse (zod) → who is this (the folder) → may it (policy) → do + note, one transaction →
 *   answer in in/results → remove the file
 * Dying anywhere is safe: a file is removed last, and a command that was noted is only answered again.
 * Invariants: the payload never says who asks; a bad file is set aside with the reason and the others go on;
 * the events of a turn are taken in order and each once. It never follows a link out of a mailbox, and takes so
 * many files at a time: an agent that writes without end holds up nobody.
 */
import path from 'node:path';
import { isStorageFailure } from './db/open.ts';
import type { Db } from './db.ts';
import { messageOf, NanoClawError } from './errors.ts';
import { type CommandContext, type CommandEffect, runCommand } from './ipc/commands.ts';
import { readJson } from './ipc/read-json.ts';
import type { Clock, Timer } from './lib/clock.ts';
import type { Reach } from './lib/failpoint.ts';
import type { FileEvents } from './lib/file-events.ts';
import type { Logger } from './log.ts';
import { groupPaths } from './mailbox/layout.ts';
import { type MailboxDirectory, openMailboxDirectory } from './mailbox/read.ts';
import { writeResult } from './mailbox/write.ts';
import {
  type AgentEvent,
  COMMAND_DIRECTORY,
  type Command,
  commandSchema,
  eventSchema,
  MAILBOX,
  type ResultFile,
} from './protocol.ts';
import { type ChatJid, type Folder, type Group, iso } from './types.ts';

export interface IpcOptions {
  db: Db;
  home: string;
  clock: Clock;
  log: Logger;
  fileEvents: FileEvents;
  /** How often the mailboxes of live agents are looked at without an event. */
  sweepMs: number;
  commands: CommandContext;
  /** Takes an event and commits it. Returns false to leave the file for the next look (an earlier one is missing). */
  onEvent: (folder: Folder, event: AgentEvent) => boolean;
  /** An event of a turn could not be read: its number counts as taken. */
  onLostEvent: (folder: Folder, turn: string, n: number) => void;
  wakeDelivery: (jid: ChatJid) => void;
  groupsChanged: () => void;
  tasksChanged: (jid: ChatJid) => void;
  reach?: Reach | undefined;
}

export interface Ipc {
  /** Watches the mailbox of a group whose agent lives. Idempotent. */
  attach(folder: Folder): void;
  detach(folder: Folder): void;
  /** Takes what is there now, whether attached or not. False when that was too much for one time. */
  drain(folder: Folder): boolean;
  stop(): void;
}

const EVENT_NAME = /^([0-9a-f-]{36})-(\d{6})\.json$/;
/** Commands first: what was asked before the turn ended belongs before its end. */
const OUT_DIRECTORIES = [MAILBOX.messages, MAILBOX.tasks, MAILBOX.events] as const;
const FILES_PER_LOOK = 500;
const LOOKS_PER_DRAIN = 40;
/** The machine failed, not the command: the same one may work later. */
const PASSING = new Set([
  'ENOSPC',
  'EDQUOT',
  'EIO',
  'EMFILE',
  'ENFILE',
  'ENOMEM',
  'EROFS',
  'EAGAIN',
  'EBUSY',
]);

export function createIpc(options: IpcOptions): Ipc {
  const { db, home, clock, log, fileEvents } = options;
  const attached = new Map<Folder, { close(): void }>();
  const pending = new Set<Folder>();
  const later = new Map<Folder, Timer>();
  let sweep: Timer | undefined;
  let stopped = false;

  function attach(folder: Folder): void {
    if (stopped || attached.has(folder)) return;
    const { mailbox } = groupPaths(home, folder);
    const watchers = OUT_DIRECTORIES.map((dir) =>
      fileEvents.watch(path.join(mailbox, dir), () => soon(folder)),
    );
    attached.set(folder, {
      close: () => {
        for (const watcher of watchers) watcher.close();
      },
    });
    sweep ??= clock.after(options.sweepMs, sweepAll);
  }

  function sweepAll(): void {
    for (const folder of attached.keys()) drainSafely(folder);
    sweep = attached.size > 0 && !stopped ? clock.after(options.sweepMs, sweepAll) : undefined;
  }

  /** Several events of one moment are one look. */
  function soon(folder: Folder): void {
    if (pending.has(folder)) return;
    pending.add(folder);
    queueMicrotask(() => {
      pending.delete(folder);
      if (!stopped) drainSafely(folder);
    });
  }

  function drainSafely(folder: Folder): void {
    try {
      if (look(folder)) soonAgain(folder);
    } catch (error) {
      // The files stay; the next event or sweep tries again.
      log.error({ event: 'ipc_failed', group: folder, err: error }, messageOf(error));
    }
  }

  /** The rest waits until others have had their turn. */
  function soonAgain(folder: Folder): void {
    if (stopped || later.has(folder)) return;
    const timer = clock.after(0, () => {
      later.delete(folder);
      drainSafely(folder);
    });
    later.set(folder, timer);
  }

  function drain(folder: Folder): boolean {
    for (let looks = 0; looks < LOOKS_PER_DRAIN; looks += 1) if (!look(folder)) return true;
    soonAgain(folder);
    return false;
  }

  /** Takes a handful of what is there. True when there is more to take at once. */
  function look(folder: Folder): boolean {
    const { mailbox } = groupPaths(home, folder);
    for (const dir of OUT_DIRECTORIES) {
      const directory = stopped ? null : openMailboxDirectory(path.join(mailbox, dir));
      if (!directory) continue;
      try {
        if (takeFrom(folder, dir, directory)) return true;
      } finally {
        directory.close();
      }
    }
    return false;
  }

  function takeFrom(
    folder: Folder,
    dir: (typeof OUT_DIRECTORIES)[number],
    directory: MailboxDirectory,
  ): boolean {
    const { names, bad, more } = directory.list(FILES_PER_LOOK);
    let gone = 0;
    for (const name of bad)
      if (setAside(folder, directory, name, 'the name is not that of a mailbox file')) gone += 1;
    let waiting = false;
    for (const name of names) {
      if (dir === MAILBOX.events) waiting = !takeEvent(folder, directory, name) || waiting;
      else takeCommand(folder, dir, directory, name);
    }
    // Entries that cannot even be removed must not keep us busy.
    return waiting || (more && names.length + gone > 0);
  }

  /** Returns false when an earlier event must come first and the directory should be listed again. */
  function takeEvent(folder: Folder, directory: MailboxDirectory, name: string): boolean {
    const read = readJson(directory, name, eventSchema);
    if (read === 'gone') return true;
    if ('reason' in read) {
      const [, turn, n] = EVENT_NAME.exec(name) ?? [];
      if (turn && n) options.onLostEvent(folder, turn, Number(n));
      setAside(folder, directory, name, read.reason);
      return true;
    }
    options.reach?.('event.read');
    if (!options.onEvent(folder, read.value)) return false;
    directory.remove(name);
    return true;
  }

  function takeCommand(folder: Folder, dir: string, directory: MailboxDirectory, name: string): void {
    const read = readJson(directory, name, commandSchema);
    if (read === 'gone') return;
    const asker = db.groups.byFolder(folder);
    if ('reason' in read || !asker) {
      setAside(
        folder,
        directory,
        name,
        'reason' in read ? read.reason : 'the group is not registered any more',
      );
      const id = 'reason' in read ? read.id : read.value.id;
      if (id)
        answer(folder, {
          id,
          ok: false,
          reason: 'reason' in read ? read.reason : 'this group is not registered any more',
        });
      return;
    }
    const command = read.value;
    if (`out/${COMMAND_DIRECTORY[command.type]}` !== dir) {
      const reason = `${command.type} belongs into out/${COMMAND_DIRECTORY[command.type]}`;
      setAside(folder, directory, name, reason);
      answer(folder, { id: command.id, ok: false, reason });
      return;
    }
    options.reach?.('command.read');
    answer(folder, execute(asker, command));
    options.reach?.('command.answered');
    directory.remove(name);
  }

  /** Effect and note in one transaction; a command that was noted before is only answered again. */
  function execute(asker: Group, command: Command): ResultFile {
    const { folder } = asker;
    const { id, type } = command;
    let effect: CommandEffect | undefined;
    const result = db.transaction((): ResultFile => {
      const before = db.agents.command(folder, id);
      if (before) return toResult(id, before.outcome === 'done', before.reason ?? '');
      const at = iso(clock.now());
      try {
        effect = db.savepoint(() => runCommand(options.commands, asker, command));
        db.agents.noteCommand({ id, folder, type, outcome: 'done', reason: effect.detail, at });
        return toResult(id, true, effect.detail);
      } catch (error) {
        const reason = refusal(error);
        if (reason === null || !db.sqlite.inTransaction) throw error;
        db.agents.noteCommand({ id, folder, type, outcome: 'refused', reason, at });
        db.audit.note({
          at,
          actor: `agent:${folder}`,
          group: folder,
          action: type,
          outcome: 'refused',
          detail: reason,
        });
        const expected = error instanceof NanoClawError;
        const details = { event: 'command_refused', group: folder, command: id, type };
        if (expected) log.warn({ ...details, code: error.code }, reason);
        else log.error({ ...details, err: error }, messageOf(error));
        return toResult(id, false, reason);
      }
    });
    options.reach?.('command.done');
    if (effect?.wakeDelivery) options.wakeDelivery(effect.wakeDelivery);
    if (effect?.groupsChanged) options.groupsChanged();
    if (effect?.tasksChanged) options.tasksChanged(effect.tasksChanged);
    return result;
  }

  function answer(folder: Folder, result: ResultFile): void {
    writeResult(groupPaths(home, folder), result);
  }

  /** False when it could not be moved or removed: then it is still there. */
  function setAside(
    folder: Folder,
    directory: MailboxDirectory,
    name: string | Buffer,
    reason: string,
  ): boolean {
    const stamp = iso(clock.now()).replace(/[:.]/g, '-');
    const gone = directory.setAside(name, groupPaths(home, folder).quarantine, stamp);
    const details = { event: 'file_set_aside', group: folder, file: name.toString().slice(0, 128), gone };
    log[gone ? 'warn' : 'debug'](details, reason); // what stays is met again at every look
    return gone;
  }

  return {
    attach,
    detach(folder) {
      attached.get(folder)?.close();
      attached.delete(folder);
    },
    drain,
    stop() {
      stopped = true;
      sweep?.cancel();
      for (const timer of later.values()) timer.cancel();
      later.clear();
      for (const { close } of attached.values()) close();
      attached.clear();
    },
  };
}

const toResult = (id: string, ok: boolean, text: string): ResultFile =>
  ok ? { id, ok, detail: text } : { id, ok, reason: text };

/** Why a command is refused for good, or null when it may be tried again as it is. */
function refusal(error: unknown): string | null {
  if (error instanceof NanoClawError) return error.kind === 'rejected' ? error.message : null;
  if (isStorageFailure(error) || PASSING.has((error as NodeJS.ErrnoException).code ?? '')) return null;
  return 'it failed inside the daemon; the operator finds the reason in the log';
}
