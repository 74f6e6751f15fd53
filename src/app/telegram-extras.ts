/** What the daemon tells Telegram besides messages, and nothing waits for: command menus, and that buttons were pressed. */
import type { Db } from '../db.ts';
import type { Clock } from '../lib/clock.ts';
import type { Releasers } from '../lib/releasers.ts';
import type { Logger } from '../log.ts';
import { type CallbackAnswers, createCallbackAnswers } from '../router/callback-answers.ts';
import { type CommandMenus, createCommandMenus } from '../router/command-menus.ts';
import type { BotIdentity, Telegram } from '../telegram/api.ts';

export interface TelegramExtrasOptions {
  db: Db;
  clock: Clock;
  log: Logger;
  telegram: Telegram;
  bot: () => BotIdentity | null;
  releasers: Releasers;
}

export function createTelegramExtras(options: TelegramExtrasOptions): {
  menus: CommandMenus;
  answers: CallbackAnswers;
} {
  const menus = createCommandMenus(options);
  const answers = createCallbackAnswers(options);
  options.releasers.add(() => menus.stop());
  options.releasers.add(() => answers.stop());
  return { menus, answers };
}
