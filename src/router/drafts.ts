/**
 * In a private chat the answer is shown while it is written, as Telegram's own draft, with Telegram's own stop button. A draft
 * is no message: it lasts for half a minute, or until the answer comes, so there is nothing to take away, and nothing that
 * a crash could leave behind. Its id is the number of the turn. A server that does not know drafts is not asked again.
 */
import type { Db } from '../db.ts';
import { messageOf } from '../errors.ts';
import { formatReply } from '../format.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../log.ts';
import { type Telegram, TelegramError } from '../telegram/api.ts';
import type { Pacing } from './pacing.ts';
import type { Sight, Surface } from './sight.ts';

export interface DraftsOptions {
  db: Db;
  clock: Clock;
  log: Logger;
  telegram: Pick<Telegram, 'sendDraft'>;
  pacing: Pick<Pacing, 'action' | 'block'>;
  afterMs: number;
}

const CHANGE_EVERY_MS = 2000;
/** Telegram takes it away after thirty seconds. */
const REFRESH_MS = 20_000;
const RETRY_MS = 1000;
const AWAY_MS = 5000;

export function createDrafts(options: DraftsOptions): Surface {
  const { db, clock, log, telegram, pacing } = options;
  let isUnknown = false;
  const shown = new WeakMap<Sight, { text: string; at: number }>();

  /** What the chat is to see now; null: nothing yet. */
  function textOf(sight: Sight): string | null {
    const draft = sight.draft();
    if (draft !== '') return draft;
    const elapsedMs = sight.elapsedMs();
    if (elapsedMs < options.afterMs) return null;
    return db.languages
      .wordsFor(sight.turn.chatJid)
      .progress(elapsedMs - (elapsedMs % REFRESH_MS), sight.activity());
  }

  return {
    async show(sight) {
      if (isUnknown) return 'elsewhere';
      const { id, chatJid, threadId, seq } = sight.turn;
      const text = textOf(sight);
      if (text === null) return options.afterMs - sight.elapsedMs();
      const last = shown.get(sight);
      const restMs = last
        ? last.at + (last.text === text ? REFRESH_MS : CHANGE_EVERY_MS) - clock.monotonic()
        : 0;
      if (restMs > 0) return restMs;
      if (!pacing.action(chatJid, clock.monotonic())) return RETRY_MS;
      shown.set(sight, { text, at: clock.monotonic() });
      const reading = db.groups.byJid(chatJid)?.format === 'plain' ? 'plain' : 'markdown';
      const part = formatReply(text, reading).parts[0];
      if (part === undefined) return null;
      try {
        await telegram.sendDraft({ chatJid, threadId, draftId: seq, ...part });
      } catch (error) {
        log.debug({ event: 'draft_not_shown', chat: chatJid, turn: id }, messageOf(error));
        if (!(error instanceof TelegramError) || error.status >= 500) return AWAY_MS;
        if (error.status === 429) {
          const waitMs = (error.retryAfterS ?? 5) * 1000;
          pacing.block(chatJid, clock.monotonic() + waitMs);
          return waitMs;
        }
        isUnknown = error.status === 404;
        return 'elsewhere';
      }
      return REFRESH_MS;
    },
  };
}
