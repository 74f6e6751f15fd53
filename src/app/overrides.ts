/** What createApp() may be given instead of the real thing. */
import type { Clock } from '../lib/clock.ts';
import type { FileEvents } from '../lib/file-events.ts';
import type { Random } from '../lib/random.ts';
import type { PacingLimits } from '../router/pacing.ts';
import type { AgentRuntime } from '../runtime/agent-runtime.ts';
import type { Telegram, TelegramLink } from '../telegram/api.ts';

/** Parts of the world that a test may bring itself. */
export interface Overrides {
  clock?: Clock;
  random?: Random;
  fileEvents?: FileEvents;
  telegram?: Telegram & Partial<TelegramLink>;
  runtime?: AgentRuntime;
  pacing?: PacingLimits;
  pollTimeoutS?: number;
  /** How long a stop goes on sending. */
  flushMs?: number;
  /** False: nobody looks whether poller and database still work. */
  watchdogs?: boolean;
  sweepMs?: number;
  startsAtOnce?: number;
  reconcileMs?: number;
  scheduleLookMs?: number;
}
