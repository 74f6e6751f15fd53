/**
 * Agents cannot run: the engine is away, the image is missing, the first start still builds it. Messages wait in the
 * database and nothing is lost. After a minute each chat where something waits hears it once, and main the reason
 * once; when agents run again main hears that, and the chats get their answers. Holds over restarts.
 */
import type { Db } from '../db.ts';
import { messageOf, NanoClawError } from '../errors.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import type { ProblemKind, Problems } from '../problems.ts';
import type { ChatJid } from '../types.ts';

/** A restart of the engine takes less; nobody needs to hear of that. */
export const STANDSTILL_TOLD_MS = 60_000;
const LOOK_MS = 5000;
/** How often the runtime is asked whether it is back when nobody waits for it. */
const PROBE_MS = 30_000;

export interface StandstillOptions {
  db: Db;
  clock: Clock;
  problems: Pick<Problems, 'report' | 'solved' | 'tellChatOnce' | 'forgetTold'>;
  chatsWithWork: () => ChatJid[];
  /** Asks the runtime. Rejects while it cannot run agents. */
  probe: () => Promise<void>;
}

export interface Standstill {
  /** Agents could not run, for this reason; null while that is not known yet. */
  away(error: unknown): void;
  /** An agent runs, or could. */
  back(): void;
  stop(): void;
}

export function createStandstill(options: StandstillOptions): Standstill {
  const { db, clock, problems } = options;
  let since: number | null = null;
  let reason: unknown = null;
  let timer: Timer | undefined;
  let probedAt = 0;

  function look(): void {
    if (since === null || !db.sqlite.open) return;
    timer = clock.after(LOOK_MS, look);
    const waiting = options.chatsWithWork();
    if (waiting.length === 0) probe();
    if (clock.monotonic() - since < STANDSTILL_TOLD_MS) return;
    if (reason !== null) problems.report(kindOf(reason), explain(reason));
    for (const jid of waiting) {
      // A chat whose turn still runs, or where only a task is due, is not waiting for us.
      if (db.groups.byJid(jid) === null || db.pauses.of(jid) !== null) continue;
      for (const { threadId } of db.messages.waiting(jid))
        problems.tellChatOnce(jid, threadId, (words) => words.cannotWork);
    }
  }

  /** Those who wait ask by themselves. */
  function probe(): void {
    if (clock.monotonic() - probedAt < PROBE_MS) return;
    probedAt = clock.monotonic();
    options.probe().then(back, () => {});
  }

  function back(): void {
    timer?.cancel();
    since = null;
    reason = null;
    if (!db.sqlite.open) return;
    problems.solved('engine');
    problems.solved('image');
    problems.forgetTold();
  }

  return {
    away(error) {
      if (error !== null) reason = error;
      if (since !== null) return;
      since = clock.monotonic();
      probedAt = since;
      timer = clock.after(LOOK_MS, look);
    },
    back,
    stop() {
      timer?.cancel();
      since = null;
    },
  };
}

function kindOf(error: unknown): ProblemKind {
  const code = error instanceof NanoClawError ? error.code : '';
  return code === 'IMAGE_MISSING' || code === 'IMAGE_MISMATCH' || code === 'IMAGE_BUILD_FAILED'
    ? 'image'
    : 'engine';
}

function explain(error: unknown): string {
  const fix = error instanceof NanoClawError && error.fix ? ` ${error.fix}` : '';
  return messageOf(error) + fix;
}
