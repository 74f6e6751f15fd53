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
import { messageOf } from './errors.ts';
import type { ExecuteOptions } from './ipc/execute.ts';
import { createIntake, type Intake, type IntakeOptions } from './ipc/intake.ts';
import type { Timer } from './lib/clock.ts';
import type { FileEvents } from './lib/file-events.ts';
import { groupPaths } from './mailbox/layout.ts';
import { createTrash, type Trash } from './mailbox/trash.ts';
import { MAILBOX } from './protocol.ts';
import type { Folder } from './types.ts';

export interface IpcOptions extends ExecuteOptions, Pick<IntakeOptions, 'onEvent' | 'onLostEvent'> {
  home: string;
  fileEvents: FileEvents;
  /** How often the mailboxes of live agents are looked at without an event. */
  sweepMs: number;
}

export interface Ipc {
  /** Watches the mailbox of a group whose agent lives. Idempotent. */
  attach(folder: Folder): void;
  detach(folder: Folder): void;
  /** Takes what is there now, whether attached or not: some of it at once, and resolves when all has been looked at.
   * Rejects with what the database or the disk throws; then the files stay. */
  drain(folder: Folder): Promise<void>;
  /** Takes some of what is there. True when nothing is left. */
  emptied(folder: Folder): boolean;
  stop(): void;
}

const WATCHED = [MAILBOX.messages, MAILBOX.tasks, MAILBOX.events] as const;

interface Mailbox {
  intake: Intake;
  trash: Trash;
  /** The next look, when one is due. `paced`: nothing but what has to wait is left. */
  timer: { timer: Timer; paced: boolean } | null;
  /** On the monotonic clock: looking takes at most half of the time. */
  restUntil: number;
  drained: { resolve: () => void; reject: (error: unknown) => void }[];
}

export function createIpc(options: IpcOptions): Ipc {
  const { home, clock, log, fileEvents } = options;
  const attached = new Map<Folder, { close(): void }>();
  const mailboxes = new Map<Folder, Mailbox>();
  const pending = new Set<Folder>();
  let sweep: Timer | undefined;
  let stopped = false;

  function attach(folder: Folder): void {
    if (stopped || attached.has(folder)) return;
    attached.set(folder, watch(folder));
    // What an earlier daemon, or an agent that is gone, left in the trash.
    void mailboxOf(folder).trash.empty();
    sweep ??= clock.after(options.sweepMs, sweepAll);
  }

  function watch(folder: Folder): { close(): void } {
    const { mailbox } = groupPaths(home, folder);
    const watchers = WATCHED.map((dir) =>
      fileEvents.watch(path.join(mailbox, dir), (name) => {
        // That we have removed a file ourselves is no news.
        if (name === undefined || !mailboxOf(folder).intake.hasRemoved(name)) soon(folder);
      }),
    );
    return {
      close: () => {
        for (const watcher of watchers) watcher.close();
      },
    };
  }

  function mailboxOf(folder: Folder): Mailbox {
    const known = mailboxes.get(folder);
    if (known) return known;
    const paths = groupPaths(home, folder);
    const trash = createTrash(paths.trash);
    const intake = createIntake(options, folder, paths, trash, () => rewatch(folder));
    const mailbox: Mailbox = { intake, trash, timer: null, restUntil: 0, drained: [] };
    mailboxes.set(folder, mailbox);
    return mailbox;
  }

  function rewatch(folder: Folder): void {
    const watcher = attached.get(folder);
    if (!watcher) return;
    watcher.close();
    attached.set(folder, watch(folder));
  }

  function sweepAll(): void {
    for (const folder of attached.keys()) soon(folder);
    sweep = attached.size > 0 && !stopped ? clock.after(options.sweepMs, sweepAll) : undefined;
  }

  /** Several events of one moment are one look; events that never end are looks with pauses. */
  function soon(folder: Folder): void {
    const mailbox = mailboxOf(folder);
    if (stopped || pending.has(folder) || mailbox.timer?.paced === false) return;
    const restMs = mailbox.restUntil - clock.monotonic();
    if (restMs > 0) {
      later(folder, restMs, false);
      return;
    }
    pending.add(folder);
    queueMicrotask(() => {
      pending.delete(folder);
      look(folder);
    });
  }

  function later(folder: Folder, ms: number, paced: boolean): void {
    const mailbox = mailboxOf(folder);
    mailbox.timer?.timer.cancel();
    if (!stopped) mailbox.timer = { timer: clock.after(ms, () => void look(folder)), paced };
  }

  /** True when nothing is left. */
  function look(folder: Folder): boolean {
    if (stopped) return false;
    const mailbox = mailboxOf(folder);
    mailbox.timer?.timer.cancel();
    mailbox.timer = null;
    const from = clock.monotonic();
    let isEmpty = false;
    try {
      const progress = mailbox.intake.slice();
      const spent = clock.monotonic() - from;
      mailbox.restUntil = from + 2 * spent;
      if (progress.state === 'more') {
        later(folder, spent, false);
        return false;
      }
      isEmpty = progress.state === 'empty';
      if (progress.state === 'waiting') later(folder, progress.ms, true);
    } catch (error) {
      // The files stay; the next event or sweep tries again.
      log.error({ event: 'ipc_failed', group: folder, err: error }, messageOf(error));
      for (const { reject } of mailbox.drained.splice(0)) reject(error);
    }
    for (const { resolve } of mailbox.drained.splice(0)) resolve();
    return isEmpty;
  }

  return {
    attach,
    detach(folder) {
      attached.get(folder)?.close();
      attached.delete(folder);
    },
    drain(folder) {
      if (stopped) return Promise.resolve();
      return new Promise((resolve, reject) => {
        mailboxOf(folder).drained.push({ resolve, reject });
        look(folder);
      });
    },
    emptied: look,
    stop() {
      stopped = true;
      sweep?.cancel();
      for (const { timer, trash, drained } of mailboxes.values()) {
        timer?.timer.cancel();
        trash.stop();
        for (const { resolve } of drained.splice(0)) resolve();
      }
      for (const { close } of attached.values()) close();
      attached.clear();
    },
  };
}
