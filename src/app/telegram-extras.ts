/**
 * What the daemon tells Telegram besides replies, and nothing waits for: command menus, that buttons were pressed, how turns
 * go.
 */
import type { Db } from '../db.ts';
import type { Clock } from '../lib/clock.ts';
import type { Reach } from '../lib/failpoint.ts';
import type { Releasers } from '../lib/releasers.ts';
import type { Logger } from '../log.ts';
import { type CallbackAnswers, createCallbackAnswers } from '../router/callback-answers.ts';
import { type CommandMenus, createCommandMenus } from '../router/command-menus.ts';
import type { Pacing } from '../router/pacing.ts';
import { createPresence, type Presence } from '../router/presence.ts';
import { createReactions, type Reactions } from '../router/reactions.ts';
import type { BotIdentity, Telegram } from '../telegram/api.ts';

export interface TelegramExtrasOptions {
  db: Db;
  clock: Clock;
  log: Logger;
  telegram: Telegram;
  bot: () => BotIdentity | null;
  releasers: Releasers;
  pacing: Pacing;
  progressAfterMs: number;
  reach: Reach | undefined;
}

export function createTelegramExtras(options: TelegramExtrasOptions): {
  menus: CommandMenus;
  answers: CallbackAnswers;
  presence: Presence;
  reactions: Reactions;
} {
  const menus = createCommandMenus(options);
  const answers = createCallbackAnswers(options);
  const presence = createPresence({
    ...options,
    afterMs: options.progressAfterMs,
    wakeReactions: () => reactions.wake(),
  });
  const reactions = createReactions(options);
  options.releasers.add(() => reactions.stop());
  options.releasers.add(() => presence.stop());
  options.releasers.add(() => menus.stop());
  options.releasers.add(() => answers.stop());
  return { menus, answers, presence, reactions };
}
