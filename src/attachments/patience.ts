/**
 * How long a conversation's turn waits for its files and for the rest of an album, and what becomes of a download that failed.
 * Times are this daemon's own, by the monotonic clock: a clock that is set makes nobody wait for hours, and after a restart
 * the wait begins again.
 */
import type { Attachment } from '../db/attachments.ts';
import type { Db } from '../db.ts';
import { NanoClawError } from '../errors.ts';
import type { Clock } from '../lib/clock.ts';
import { NetworkError, TelegramError } from '../telegram/api.ts';
import { DownloadError, StorageError } from '../telegram/download.ts';
import type { ChatJid, Conversation } from '../types.ts';

/** A turn begins without a file that is not there by then. */
export const FILE_WAIT_MS = 30_000;
/** Voice may have to be written down, too. */
export const VOICE_WAIT_MS = 90_000;
/** Messages of an album come within a moment of one another; so long after the newest it is complete. */
export const ALBUM_WAIT_MS = 1_000;

export interface Patience {
  /** From now on turns wait for it. */
  notice(id: number): void;
  /** It is settled: the chats that were told to wait for it. */
  release(id: number): ChatJid[];
  waitMs(jid: ChatJid, of: Conversation): number;
}

export function createPatience(options: { db: Db; clock: Clock; transcriber: unknown }): Patience {
  const { db, clock } = options;
  const since = new Map<number, number>();
  const waiting = new Map<number, Set<ChatJid>>();
  const startedAt = clock.monotonic();

  function notice(id: number): void {
    if (!since.has(id)) since.set(id, clock.monotonic());
  }

  function fileMs(id: number): number {
    notice(id);
    const spoken = options.transcriber !== null && isSpoken(db.attachments.byId(id)?.kind);
    const limit = spoken ? VOICE_WAIT_MS : FILE_WAIT_MS;
    return Math.max(0, (since.get(id) ?? 0) + limit - clock.monotonic());
  }

  /** Those that a restart has cut may come with the first poll. */
  function albumMs(jid: ChatJid, of: Conversation): number {
    const newest = db.attachments.newestOfAlbums(jid, of);
    if (newest === null) return 0;
    const age = Math.abs(clock.now() - Date.parse(newest));
    return Math.max(0, ALBUM_WAIT_MS - Math.min(age, clock.monotonic() - startedAt));
  }

  return {
    notice,
    release(id) {
      since.delete(id);
      const chats = [...(waiting.get(id) ?? [])];
      waiting.delete(id);
      return chats;
    },
    waitMs(jid, of) {
      let longest = albumMs(jid, of);
      for (const id of db.attachments.awaited(jid, of)) {
        const ms = fileMs(id);
        if (ms === 0) continue;
        waiting.set(id, (waiting.get(id) ?? new Set()).add(jid));
        longest = Math.max(longest, ms);
      }
      return Math.ceil(longest);
    },
  };
}

export const isSpoken = (kind: string | undefined): boolean => kind === 'voice' || kind === 'video_note';

const MOST_ATTEMPTS = 5;
const LONGEST_MS = 24 * 3_600_000;
const FIRST_RETRY_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

/** `giveUp`: the phrase that says why; else it is tried again, and that counts or not. */
export type Outcome =
  | { giveUp: string }
  | { giveUp: null; counts: boolean; reason: string; retryInMs: number };

/** What to do after a try that failed, and after so many `outages` before it. Outages of Telegram's and of our disk do not count, but do not go on for ever. */
export function outcomeOf(
  error: unknown,
  attachment: Pick<Attachment, 'attempts' | 'createdAt'>,
  now: { outOfTime: boolean; nowMs: number; outages: number },
): Outcome {
  const reason = phraseFor(error, now.outOfTime);
  if (error instanceof NanoClawError || (error instanceof DownloadError && error.isFinal))
    return { giveUp: reason };
  if (error instanceof TelegramError && [400, 403, 404].includes(error.status)) return { giveUp: reason };
  if (now.nowMs - Date.parse(attachment.createdAt) > LONGEST_MS)
    return { giveUp: `it could not be fetched for a day: ${reason}` };
  const isOutage = !now.outOfTime && !(error instanceof DownloadError);
  if (isOutage) {
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_RETRY_MS * 2 ** Math.min(now.outages, 10));
    const retryAfterS = error instanceof TelegramError ? error.retryAfterS : null;
    return { giveUp: null, counts: false, reason, retryInMs: (retryAfterS ?? 0) * 1000 || pause };
  }
  if (attachment.attempts + 1 >= MOST_ATTEMPTS) return { giveUp: reason };
  return { giveUp: null, counts: true, reason, retryInMs: FIRST_RETRY_MS * 3 ** attachment.attempts };
}

function phraseFor(error: unknown, outOfTime: boolean): string {
  if (outOfTime) return 'the download took too long';
  if (error instanceof DownloadError || error instanceof StorageError) return error.message;
  if (error instanceof NanoClawError) return error.message;
  if (error instanceof NetworkError) return 'Telegram cannot be reached';
  if (error instanceof TelegramError) {
    if (/file is too big/i.test(error.message)) return 'it is larger than Telegram gives to bots (20 MB)';
    return `Telegram refused it (${error.message})`;
  }
  return 'it could not be stored on this machine';
}
