/**
 * Forgets what somebody wanted forgotten (db/forgettings.ts holds what that is), a few messages at a time.
 *
 *   woken, or at the start → lines in archives and notes → conversations with the model → files and logs, then rows, BATCH by BATCH
 *     → updates as they came → a small database is written anew → receipt → the write-ahead log is emptied
 *
 * Invariants: files go before the rows that know of them, so a kill in between leaves nothing behind: the next start goes on from
 * the cursor; a receipt is stored with the end of its forgetting, once. A failure (a full disk) is tried again later, and told when it lasts.
 * It never touches a backup, nor what people or the agent have written around what is forgotten: the receipt names those.
 */
import { rmSync } from 'node:fs';
import path from 'node:path';
import { emptyWal, rewriteSmall } from './db/checkpoint.ts';
import type { Done, Forgetting } from './db/forgettings.ts';
import type { Db } from './db.ts';
import { messageOf } from './errors.ts';
import { copiesSince } from './forgetting/backups.ts';
import { forgetInFiles } from './forgetting/in-files.ts';
import type { Clock, Timer } from './lib/clock.ts';
import type { Logger } from './log.ts';
import { takeFrom } from './mailbox/copy-in.ts';
import { groupPaths } from './mailbox/layout.ts';
import { MAILBOX } from './protocol.ts';
import { type ChatJid, type Folder, type Iso, iso, type Seq, type TurnId } from './types.ts';
import { ENGLISH, type Words } from './words.ts';

/** To remove an entry of the index without a trace costs about a millisecond. */
const BATCH = 20;
const WINDOW = 500;
const PAUSE_MS = 10;
const AGAIN_MS = 30_000;
/** Failures in a row; a disk that is full for a moment is none of anybody's business. */
const STUCK = 3;
const MINUTE_MS = 60_000;

export interface ForgettingOptions {
  db: Db;
  home: string;
  clock: Clock;
  log: Logger;
  /** Ends the folder's agent where it only waits; true: none runs. Without it, none does. */
  rest?: (folder: Folder) => boolean;
  /** Backups by the daemon, as far as they go again by themselves; null: they do not. */
  backups?: { everyMs: number; keep: number } | null;
  /** Where a group has no zone of its own. */
  timezone?: string;
  /** It failed so often in a row that somebody has to look; and it works again. */
  stuck?: (why: string) => void;
  goesOn?: () => void;
  /** There is a receipt to send. */
  wakeDelivery: (jid: ChatJid) => void;
}

type Held = NonNullable<Parameters<Words['forgotten']>[1]>;

/** What went, and where it is still. */
export interface Forgotten {
  done: Done;
  held: Held | null;
}

export interface Forgetter {
  start(): void;
  /** Something is to be forgotten. */
  wake(): void;
  stop(): void;
}

export function createForgetter(options: ForgettingOptions): Forgetter {
  const { db, clock, log } = options;
  let timer: Timer | undefined;
  let running: Iterator<void, Forgotten | null> | undefined;
  let isOver = false;
  let isWalFull = false;
  let failures = 0;

  function step(): void {
    timer = undefined;
    if (isOver) return;
    let waitMs: number | null = PAUSE_MS;
    try {
      running ??= work(options);
      if (running === undefined || running.next().done) {
        running = undefined;
        failures = 0;
        options.goesOn?.();
        const isMore = db.forgettings.next() !== null;
        isWalFull = !emptyWal(db.sqlite);
        waitMs = isMore ? PAUSE_MS : isWalFull ? AGAIN_MS : null;
      }
    } catch (error) {
      running = undefined;
      waitMs = AGAIN_MS;
      log.warn({ event: 'forgetting_failed', err: error }, messageOf(error));
      failures += 1;
      if (failures >= STUCK) options.stuck?.(messageOf(error));
    }
    if (waitMs !== null) timer = clock.after(waitMs, step);
  }

  function wake(): void {
    if (isOver || running !== undefined || (db.forgettings.next() === null && !isWalFull)) return;
    timer?.cancel();
    timer = clock.after(0, step);
  }

  return {
    start: wake,
    wake,
    stop() {
      isOver = true;
      timer?.cancel();
    },
  };
}

/** All that is to be forgotten, without a pause: where no daemon runs that others would wait for. What went in the end. */
export function forgetNow(options: ForgettingOptions): Forgotten | null {
  let last: Forgotten | null = null;
  while (options.db.forgettings.next() !== null) {
    const running = work(options);
    let step = running.next();
    while (!step.done) step = running.next();
    last = step.value;
  }
  emptyWal(options.db.sqlite);
  return last;
}

/** One forgetting, from where it stands; yields where others may have their turn. */
function* work(options: ForgettingOptions): Generator<void, Forgotten | null> {
  const { db } = options;
  const job = db.forgettings.next();
  if (job === null) return null;
  const done = { ...job.done };
  const from = speakFrom(options, job);
  if (job.cursor === null) {
    yield* forgetInFiles({ ...options, sinceMs: Date.parse(from) }, job, done);
    job.cursor = (job.fromSeq - 1) as Seq;
    db.forgettings.progress(job.id, job.cursor, done);
  }
  for (let cursor: Seq | null = job.cursor; cursor !== null; yield) {
    const { next, meant } = db.forgettings.window(job, cursor, WINDOW);
    const batch = meant.slice(0, BATCH);
    const upTo: Seq = meant.length > BATCH ? (batch.at(-1)?.seq ?? cursor) : (next ?? job.toSeq);
    forgetBatch(
      options,
      job,
      batch.map(({ seq }) => seq),
      upTo,
      done,
    );
    cursor = meant.length > BATCH ? upTo : next;
  }
  db.transaction(() => {
    db.forgettings.emptyUpdates(job.chatJid, from);
    if (job.sender === null && job.fromSeq !== job.toSeq) db.forgettings.dropOwnReplies(job.chatJid, from);
  });
  finish(options, job, done, from, rewriteSmall(db.sqlite));
  return { done, held: heldIn(options, job, from, ENGLISH) };
}

/** Of the old turns, their logs may say what was asked. */
function forgetBatch(options: ForgettingOptions, job: Forgetting, batch: Seq[], upTo: Seq, done: Done): void {
  const { db, home } = options;
  for (const seq of batch) {
    const leaving = db.forgettings.leaving(seq);
    for (const { folder, path: file } of leaving?.files ?? []) {
      if (take(options, folder, path.basename(file))) done.files += 1;
      else done.left += 1;
    }
    for (const turn of leaving?.turnId ? db.forgettings.attempts(leaving.turnId) : [])
      removeTraces(home, turn);
  }
  db.transaction(() => {
    for (const seq of batch) {
      const leaving = db.forgettings.leaving(seq);
      if (leaving === null) done.kept += db.forgettings.cameAt(seq) === null ? 0 : 1;
      else db.forgettings.forget(leaving, done);
    }
    db.forgettings.progress(job.id, upTo, done);
  });
}

/** False: its agent has made that the daemon may not; what is asked for besides is not to wait for that. */
function take({ home, log }: ForgettingOptions, folder: Folder, name: string): boolean {
  try {
    takeFrom(groupPaths(home, folder).groupDir, name);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EACCES' && code !== 'EROFS') throw error;
    log.warn({ event: 'file_not_removed', group: folder, err: error }, messageOf(error));
    return false;
  }
}

function removeTraces(home: string, { id, folder }: { id: TurnId; folder: string }): void {
  const { logDir, mailbox, staging } = groupPaths(home, folder);
  for (const file of [
    path.join(logDir, `${id}.log`),
    path.join(mailbox, MAILBOX.turns, `${id}.json`),
    path.join(staging, `${id}.json`),
  ])
    rmSync(file, { force: true });
}

/** Updates of before do not speak of any of them. An update is noted a moment before its message. */
function speakFrom({ db }: ForgettingOptions, job: Forgetting): Iso {
  const first = job.fromSeq === job.toSeq ? db.forgettings.cameAt(job.fromSeq) : null;
  const at = Date.parse(first ?? job.since);
  return iso(Number.isNaN(at) ? 0 : at - MINUTE_MS);
}

/** Copies that hold it still, in words. */
function heldIn(options: ForgettingOptions, job: Forgetting, from: Iso, words: Words): Held | null {
  const { db, home, clock, backups = null } = options;
  const held = copiesSince(home, Date.parse(from));
  if (held === null) return null;
  const zone = db.groups.byJid(job.chatJid)?.timezone ?? options.timezone ?? 'UTC';
  const said = (ms: number) => words.minute(ms, zone);
  const goesMs = backups === null || backups.keep === 0 ? null : clock.now() + backups.everyMs * backups.keep;
  const until = goesMs === null ? null : said(goesMs);
  return { count: held.count, first: said(held.first), last: said(held.last), until };
}

function finish(
  options: ForgettingOptions,
  job: Forgetting,
  done: Done,
  from: Iso,
  rewritten: boolean,
): void {
  const { db, clock, wakeDelivery, log } = options;
  const at = iso(clock.now());
  const group = db.groups.byJid(job.chatJid);
  db.transaction(() => {
    db.forgettings.finish(job.id);
    db.audit.note({
      at,
      actor: job.askedBy,
      group: group?.folder ?? null,
      action: 'forget',
      outcome: 'done',
      detail: `${done.messages} messages, ${done.answers} answers, ${done.files} files, ${done.lines} lines, ${done.conversations} conversations`,
    });
    if (job.toldJid === null) return;
    const words = db.languages.wordsFor(job.toldJid);
    const text = words.forgotten(done, heldIn(options, job, from, words));
    db.outbox.add({ chatJid: job.toldJid, threadId: job.threadId, turnId: null, replyTo: null, text, at });
  });
  log.info(
    { event: 'forgotten', group: group?.folder, ...done, rewritten },
    'what somebody wanted forgotten is gone',
  );
  if (job.toldJid !== null) wakeDelivery(job.toldJid);
}
