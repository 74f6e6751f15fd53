/**
 * Retention: what is settled and older than its setting says goes; nothing else ever does. Also keeps the WAL small.
 *
 *   once a while after start, then daily (oftener when something is kept for less than a week)
 *     → each kind in turn, in steps of BATCH rows or files, one short transaction each, a pause behind every step
 *
 * Invariants: what is unsettled, and what that refers to, stays however old it is (db/retention.ts, whose property test
 * holds it); a step that fails ends its kind for this time and not the others; a stop in the middle loses nothing, the next
 * run goes on. The notes of a group's commands go only after its mailbox was emptied: a file that a crash left there must
 * be known as done. It never touches what an agent may write to, but for the files that people have sent and conversations that
 * nobody goes on with, which it removes without following anything (mailbox/copy-in.ts, mailbox/conversation-files.ts).
 */
import type { Keep } from './config.ts';
import { keepWalSmall } from './db/checkpoint.ts';
import type { Cursor, Swept } from './db/retention.ts';
import type { Db } from './db.ts';
import { messageOf } from './errors.ts';
import type { Clock, Timer } from './lib/clock.ts';
import type { Logger } from './log.ts';
import { expireAttachments, trimAttachments } from './mailbox/trim-attachments.ts';
import { copies, leftovers, turnLogs } from './retention/files.ts';
import { leftSessions } from './retention/sessions.ts';
import { type Folder, type Iso, iso } from './types.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** A hundred rows with their indexes are a few milliseconds. */
const BATCH = 100;
const PAUSE_MS = 20;
const WAL_LOOK_MS = 5 * MINUTE_MS;

export interface RetentionOptions {
  db: Db;
  home: string;
  clock: Clock;
  log: Logger;
  keep: Keep;
  /** What one group may keep of the files that people sent; null: everything. */
  groupMaxBytes: number | null;
  /** What is kept of conversations that nobody goes on with, and how much of them in one group; null: for ever, everything. */
  sessions: { keepMs: number | null; groupMaxBytes: number | null };
  /** Takes what lies in the folder's mailbox. True when nothing is left. */
  drain: (folder: Folder) => boolean;
  /** Agents can run, so mailboxes may be drained. */
  agentsReady: () => boolean;
}

export interface Retention {
  start(): void;
  /** Between two steps; the next start goes on. */
  stop(): void;
}

/** One kind of thing, removed step by step: yields after each how many went. */
type Work = Iterator<number, void, void>;

export function createRetention(options: RetentionOptions): Retention {
  const { db, clock, log, keep } = options;
  let timer: Timer | undefined;
  let walTimer: Timer | undefined;
  let stopped = false;
  let running: Work | undefined;

  const before = (keptMs: number | null): Iso | null => (keptMs === null ? null : iso(clock.now() - keptMs));

  function* guarded(next: (from: Cursor | undefined) => Swept): Generator<number, void> {
    let from: Cursor | undefined;
    do {
      const swept = db.transaction(() => next(from));
      yield swept.removed;
      if (swept.next === null) return;
      from = swept.next;
    } while (from);
  }

  function* plain(next: () => number): Generator<number, void> {
    for (let removed = BATCH; removed === BATCH; ) {
      removed = db.transaction(next);
      yield removed;
    }
  }

  function* history(): Generator<number, void> {
    const at = before(keep.historyMs);
    if (at === null) return;
    const { turns, replies, taskRuns, tasks, containers, chats } = db.retention;
    for (const sweep of [turns, replies, taskRuns, tasks, containers, chats])
      yield* guarded((from) => sweep(at, from, BATCH));
  }

  function* commands(): Generator<number, void> {
    const at = before(keep.historyMs);
    if (at === null) return;
    for (let folder = db.retention.nextCommander(''); folder; folder = db.retention.nextCommander(folder)) {
      const commander = folder;
      yield 0; // to look into a thousand mailboxes at once would hold up everybody
      if (options.agentsReady() && options.drain(commander))
        yield* plain(() => db.retention.commands(commander, at, BATCH));
    }
  }

  function* updates(): Generator<number, void> {
    const applied = before(keep.updatesMs);
    if (applied !== null) yield* plain(() => db.retention.updates(applied, BATCH));
    const all = before(keep.historyMs);
    if (all !== null) yield* plain(() => db.retention.failedUpdates(all, BATCH));
  }

  function* messages(): Generator<number, void> {
    const at = before(keep.messagesMs);
    if (at === null) return;
    for (let jid = db.retention.nextChat(''); jid; jid = db.retention.nextChat(jid)) {
      const chat = jid;
      yield* guarded((from) => db.retention.messages(chat, at, from, BATCH));
    }
  }

  function* audit(): Generator<number, void> {
    const at = before(keep.auditMs);
    if (at !== null) yield* plain(() => db.audit.prune(at, BATCH));
  }

  function* attachments(): Generator<number, void> {
    const at = before(keep.attachmentsMs);
    for (let folder = db.attachments.nextFolder(''); folder; folder = db.attachments.nextFolder(folder)) {
      const of = folder;
      for (let removed = 1; removed > 0; yield removed)
        try {
          removed =
            (at === null ? 0 : expireAttachments(db, options.home, of, at)) +
            trimAttachments(db, options.home, of, options.groupMaxBytes);
        } catch (error) {
          // An agent that has taken the right to write away keeps its own files, and nobody else's.
          removed = 0;
          log.warn(
            { event: 'retention_failed', kind: 'attachments', group: of, err: error },
            messageOf(error),
          );
        }
    }
  }

  /** In this order: what a turn refers to goes no later than the turn. */
  const kinds: Record<string, () => Generator<number, void>> = {
    turnLogs: () => turnLogs(db, options.home, before(keep.turnLogsMs), BATCH),
    updates,
    messages,
    history,
    commands,
    audit,
    attachments,
    sessions: () =>
      leftSessions(db, options.home, {
        before: before(options.sessions.keepMs),
        mostBytes: options.sessions.groupMaxBytes,
        batch: BATCH,
      }),
    copies: () => copies(db, options.home, BATCH),
    leftovers: () => leftovers(db, options.home, before(keep.turnLogsMs), BATCH),
  };

  function* all(): Generator<number, void> {
    const removed: Record<string, number> = {};
    for (const [kind, work] of Object.entries(kinds)) {
      try {
        for (const count of work()) {
          if (count > 0) removed[kind] = (removed[kind] ?? 0) + count;
          yield count;
        }
      } catch (error) {
        log.warn({ event: 'retention_failed', kind, err: error }, messageOf(error));
      }
    }
    if (Object.keys(removed).length > 0) log.info({ event: 'retention', ...removed }, 'what was old is gone');
  }

  function step(): void {
    if (stopped) return;
    running ??= all();
    if (running.next().done) {
      running = undefined;
      timer = clock.after(everyMs({ ...keep, sessionsMs: options.sessions.keepMs }), step);
    } else timer = clock.after(PAUSE_MS, step);
  }

  function lookAtWal(): void {
    try {
      keepWalSmall(db.sqlite, log);
    } catch (error) {
      // A full disk, most likely: nothing is lost, the WAL only stays as it is.
      log.warn({ event: 'wal_not_emptied', err: error }, messageOf(error));
    }
    walTimer = clock.after(WAL_LOOK_MS, lookAtWal);
  }

  return {
    start() {
      timer = clock.after(MINUTE_MS, step);
      walTimer = clock.after(WAL_LOOK_MS, lookAtWal);
    },
    stop() {
      stopped = true;
      timer?.cancel();
      walTimer?.cancel();
      running?.return?.();
    },
  };
}

/** A seventh of the shortest time that anything is kept, but daily at least and once a minute at most. */
function everyMs(keep: Record<string, number | null>): number {
  const kept = Object.values(keep).filter((ms): ms is number => ms !== null);
  return Math.min(DAY_MS, Math.max(MINUTE_MS, Math.min(...kept) / 7));
}
