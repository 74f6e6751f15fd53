/** "typing…" in a chat while a turn runs. Telegram shows it for five seconds, so it is refreshed every four. */
import type { Clock, Timer } from '../lib/clock.ts';
import type { Telegram } from '../telegram/api.ts';
import type { ChatJid } from '../types.ts';
import type { Pacing } from './pacing.ts';

const REFRESH_MS = 4000;

/**
 * Returns what shows typing until its result is called. It is decoration: errors are ignored, nothing waits for
 * it, and it stops trying for this turn when Telegram refuses (a 429 must not cost the answer its place), and is left out while
 * messages want the bot's limit.
 */
export function createTyping(
  telegram: Pick<Telegram, 'sendTyping'>,
  clock: Clock,
  pacing: Pick<Pacing, 'action'>,
  /** The id that the chat has by now. */
  current: (jid: ChatJid) => ChatJid = (jid) => jid,
) {
  return (jid: ChatJid, threadId: number | null): (() => void) => {
    let timer: Timer | undefined;
    let ended = false;
    const show = (): void => {
      if (ended) return;
      const to = current(jid);
      if (!pacing.action(to, clock.monotonic())) return again();
      telegram.sendTyping(to, threadId).then(again, () => (current(jid) === to ? undefined : again()));
    };
    const again = (): void => {
      if (!ended) timer = clock.after(REFRESH_MS, show);
    };
    // Not before the turn's own file, which is written now.
    timer = clock.after(0, show);
    return () => {
      ended = true;
      timer?.cancel();
    };
  };
}
