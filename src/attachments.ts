/**
 * Files that people sent, from Telegram into the group's folder. Which ones is in the database, written in the transaction
 * that stored their messages; nothing there ever waits for this.
 *
 *   pending → fetched to data/attachments/ (the host's own) → (voice: its words are asked for) → put under
 *   groups/<folder>/attachments/ → COMMIT stored → the first copy goes
 *   or: given up, and the prompt says why
 *
 * Invariants: a file is whole or not there; killed at any step, the next daemon goes on and nothing is there twice; what
 * Telegram or the disk cannot give now is tried again, what it refuses is not. A chat's turn waits for its files, but never
 * long (waitMs). It never follows what a container has put into the folder (mailbox/copy-in.ts).
 */
import { mkdirSync, opendirSync, renameSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { attachmentName } from './attachments/name.ts';
import { createPatience, outcomeOf } from './attachments/patience.ts';
import type { Transcriber } from './attachments/transcribe.ts';
import type { Attachment } from './db/attachments.ts';
import type { Db } from './db.ts';
import { messageOf } from './errors.ts';
import type { Clock, Timer } from './lib/clock.ts';
import type { Reach } from './lib/failpoint.ts';
import type { Logger } from './log.ts';
import { ATTACHMENTS, copyIn, takeFrom } from './mailbox/copy-in.ts';
import { ATTACHMENT_COPIES, groupPaths } from './mailbox/layout.ts';
import { trimAttachments } from './mailbox/trim-attachments.ts';
import type { Telegram } from './telegram/api.ts';
import { type ChatJid, type Conversation, iso } from './types.ts';

export interface AttachmentsOptions {
  db: Db;
  home: string;
  clock: Clock;
  log: Logger;
  telegram: Pick<Telegram, 'download'>;
  /** The largest file that is fetched. */
  maxBytes: number;
  /** What one group may keep; the oldest go. Null: everything. */
  groupMaxBytes: number | null;
  /** Null: what is spoken is named as what it is. */
  transcriber: Transcriber | null;
  /** The words of a voice message, in the transaction that notes its file. Returns a chat that has a message to answer now. */
  heard: (attachment: Attachment, words: string) => ChatJid | null;
  /** In the transaction that notes that a file is there, or will not come. Returns a chat that is told of it. */
  came: (attachment: Attachment, copy: { path: string } | { missing: string }) => ChatJid | null;
  wakeDelivery: (jid: ChatJid) => void;
  /** What this chat waited for is there, or will not come. */
  wake: (jid: ChatJid) => void;
  reach?: Reach | undefined;
}

export interface Attachments {
  start(): void;
  /** There may be new ones. */
  look(): void;
  /** Milliseconds that the conversation's next turn should wait for files and for the rest of an album; 0: it is complete. */
  waitMs(jid: ChatJid, of: Conversation): number;
  /** Ends what is under way; the next daemon fetches it. */
  stop(): Promise<void>;
}

const AT_ONCE = 4;
const AT_ONCE_PER_GROUP = 2;
/** For one try. */
const TIME_LIMIT_MS = 120_000;

export function createAttachments(options: AttachmentsOptions): Attachments {
  const { db, home, clock, log, reach } = options;
  const copies = path.join(home, ATTACHMENT_COPIES);
  const working = new Map<number, { folder: string; abort: AbortController; ended: Promise<void> }>();
  const retries = new Map<number, Timer>();
  /** How often in a row Telegram or our disk could not, for each. */
  const outages = new Map<number, number>();
  const patience = createPatience(options);
  let stopped = false;

  function look(): void {
    if (stopped || !db.sqlite.open) return;
    for (const attachment of db.attachments.pending()) {
      patience.notice(attachment.id);
      const { id, folder } = attachment;
      if (working.size >= AT_ONCE || working.has(id) || retries.has(id)) continue;
      if ([...working.values()].filter((one) => one.folder === folder).length >= AT_ONCE_PER_GROUP) continue;
      begin(attachment);
    }
  }

  function begin(attachment: Attachment): void {
    const { id, folder } = attachment;
    const abort = new AbortController();
    const limit = clock.after(TIME_LIMIT_MS, () => abort.abort());
    const ended = bring(attachment, abort.signal)
      .catch((error: unknown) => afterFailure(attachment, error, abort.signal.aborted))
      .catch((error: unknown) => {
        // The database cannot take it just now: it is pending still.
        retry(id, 30_000);
        log.error({ event: 'attachment_not_noted', attachment: id, err: error }, messageOf(error));
      })
      .then(() => {
        limit.cancel();
        working.delete(id);
        settled(attachment);
        look();
      });
    working.set(id, { folder, abort, ended });
  }

  async function bring(attachment: Attachment, signal: AbortSignal): Promise<void> {
    const { id, folder, kind } = attachment;
    if (db.groups.byFolder(folder) === null) {
      giveUp(attachment, 'the group is not registered any more');
      return;
    }
    const name = attachmentName(attachment, db.attachments.sentWith(id));
    // Its name says what it is, also to a program that is to write down what was spoken.
    const copy = path.join(copies, `${id}-${name}`);
    const bytes = await fetch(attachment, copy, signal);
    reach?.('file.fetched');
    const words = options.transcriber === null ? null : await options.transcriber(kind, copy, signal);
    if (stopped) return;
    const lies = copyIn(groupPaths(home, folder).groupDir, copy, name);
    reach?.('file.placed');
    let told: ChatJid | null = null;
    const asks = db.transaction(() => {
      const at = iso(clock.now());
      if (!db.attachments.markStored(id, path.join(ATTACHMENTS, lies), bytes, at)) {
        // Its message is not kept any more, or has another file by now.
        takeFrom(groupPaths(home, folder).groupDir, lies);
        return null;
      }
      told = options.came(attachment, { path: copy });
      return words === null ? null : options.heard(attachment, words);
    });
    reach?.('file.stored');
    if (asks !== null) options.wake(asks);
    if (told !== null) options.wakeDelivery(told);
    rmSync(copy, { force: true });
    trimAttachments(db, home, folder, options.groupMaxBytes);
    log.info({ event: 'attachment_stored', group: folder, attachment: id, kind, bytes });
  }

  /** A copy without `.part` is whole. */
  async function fetch({ fileId }: Attachment, copy: string, signal: AbortSignal): Promise<number> {
    const whole = statSync(copy, { throwIfNoEntry: false });
    if (whole) return whole.size;
    mkdirSync(copies, { recursive: true, mode: 0o700 });
    const target = `${copy}.part`;
    const bytes = await options.telegram.download({ fileId, target, maxBytes: options.maxBytes }, signal);
    renameSync(target, copy);
    return bytes;
  }

  function afterFailure(attachment: Attachment, error: unknown, outOfTime: boolean): void {
    if (stopped || !db.sqlite.open) return;
    const { id, folder } = attachment;
    const now = db.attachments.byId(id) ?? attachment;
    const before = outages.get(id) ?? 0;
    const outcome = outcomeOf(error, now, { outOfTime, nowMs: clock.now(), outages: before });
    const detail = { attachment: id, group: folder, attempt: now.attempts + 1, err: messageOf(error) };
    if (outcome.giveUp !== null) {
      giveUp(attachment, outcome.giveUp);
      log.warn({ event: 'attachment_failed', ...detail }, outcome.giveUp);
      return;
    }
    if (outcome.counts) db.attachments.countAttempt(id, outcome.reason);
    else outages.set(id, before + 1);
    retry(id, outcome.retryInMs);
    log.warn({ event: 'attachment_retried', ...detail, in_ms: outcome.retryInMs }, outcome.reason);
  }

  function giveUp(attachment: Attachment, why: string): void {
    const { id, folder } = attachment;
    const told = db.transaction(() => {
      const isNew = db.attachments.markFailed(id, why, iso(clock.now()));
      return isNew ? options.came(attachment, { missing: why }) : null;
    });
    if (told !== null) options.wakeDelivery(told);
    removeCopies((name) => name.startsWith(`${id}-`), folder);
  }

  function retry(id: number, delayMs: number): void {
    if (stopped) return;
    const again = () => {
      retries.delete(id);
      look();
    };
    retries.set(id, clock.after(delayMs, again));
  }

  /** The chats whose turn waited for it. */
  function settled({ id }: Attachment): void {
    if (stopped || !db.sqlite.open || db.attachments.byId(id)?.state === 'pending') return;
    outages.delete(id);
    for (const jid of patience.release(id)) options.wake(jid);
  }

  function removeCopies(mayGo: (name: string) => boolean, folder: string | null): void {
    const names: string[] = [];
    try {
      const dir = opendirSync(copies);
      try {
        for (let entry = dir.readSync(); entry; entry = dir.readSync())
          if (mayGo(entry.name)) names.push(entry.name);
      } finally {
        dir.closeSync();
      }
      for (const name of names) rmSync(path.join(copies, name), { force: true, recursive: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        log.warn({ event: 'attachment_copies_left', group: folder, err: error }, messageOf(error));
    }
  }

  return {
    start() {
      // Of those that were settled just before an earlier daemon ended, or were half fetched then.
      const pending = new Set(db.attachments.pending().map(({ id }) => id));
      removeCopies((name) => name.endsWith('.part') || !pending.has(Number.parseInt(name, 10)), null);
      look();
    },
    look,
    waitMs: patience.waitMs,
    async stop() {
      stopped = true;
      for (const timer of retries.values()) timer.cancel();
      retries.clear();
      for (const { abort } of working.values()) abort.abort();
      await Promise.all([...working.values()].map(({ ended }) => ended));
    },
  };
}
