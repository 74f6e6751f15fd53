/**
 * The commands that Telegram offers behind "/": main sees all, each other group those for everyone, strangers none. Set when
 * the bot knows who it is and when registrations change, only where they differ from what was set last; that is remembered
 * in the database. Decoration: nothing waits for it, and what fails is tried again later without a word to anybody.
 */
import { createHash } from 'node:crypto';
import type { Db } from '../db.ts';
import { messageOf } from '../errors.ts';
import { type Clock, sleep } from '../lib/clock.ts';
import type { Logger } from '../log.ts';
import { type BotIdentity, type MenuCommand, type Telegram, TelegramError } from '../telegram/api.ts';
import { type ChatJid, chatJid } from '../types.ts';
import { commandsFor } from './chat-commands.ts';
import { COMMAND_WORDS } from './words.ts';

/** Wherever nothing else was set. */
const DEFAULT = 'default';
/** Between two requests: a hundred groups at a first start must not use up what may be asked. */
const PACE_MS = 100;
const RETRY_MS = 60_000;
/** A chat that refuses (the bot is not in it, perhaps) is left alone for so long. */
const REFUSED_MS = 60 * 60_000;

export interface CommandMenusOptions {
  db: Db;
  clock: Clock;
  log: Logger;
  telegram: Pick<Telegram, 'setCommands'>;
  bot: () => BotIdentity | null;
}

export interface CommandMenus {
  /** Registrations may have changed, or the bot knows now who it is. Cheap when nothing is to be done. */
  changed(): void;
  stop(): void;
}

export function createCommandMenus({ db, clock, log, telegram, bot }: CommandMenusOptions): CommandMenus {
  const stopped = new AbortController();
  const isOver = () => stopped.signal.aborted || !db.sqlite.open;
  /** By scope: not to be asked before this, on the monotonic clock. */
  const refused = new Map<string, number>();
  let isRunning = false;

  function changed(): void {
    if (isRunning || isOver() || bot() === null) return;
    isRunning = true;
    run()
      .catch((error: unknown) => log.error({ event: 'menus_failed', err: error }, messageOf(error)))
      .finally(() => {
        isRunning = false;
      });
  }

  async function run(): Promise<void> {
    for (let next = difference(); next && !isOver(); next = difference()) {
      const waitMs = await set(next.botId, next.scope, next.commands);
      await sleep(clock, waitMs, stopped.signal);
      if (isOver()) return;
    }
  }

  /** A scope whose menu is not as it should be. */
  function difference(): { botId: number; scope: string; commands: MenuCommand[] } | null {
    const botId = bot()?.id;
    if (botId === undefined || isOver()) return null;
    const wanted = wantedMenus();
    const known = db.questions.menus(botId);
    for (const [scope, commands] of wanted)
      if (known.get(scope) !== digestOf(commands) && mayAsk(scope)) return { botId, scope, commands };
    for (const scope of known.keys())
      if (!wanted.has(scope) && mayAsk(scope)) return { botId, scope, commands: [] };
    return null;
  }

  const mayAsk = (scope: string): boolean => clock.monotonic() >= (refused.get(scope) ?? 0);

  function wantedMenus(): Map<string, MenuCommand[]> {
    const menus = db.groups.all().map((group) => [group.chatJid as string, menuFor(group.isMain)] as const);
    return new Map([[DEFAULT, []], ...menus]);
  }

  /** Returns how long to wait before the next request. */
  async function set(botId: number, scope: string, commands: MenuCommand[]): Promise<number> {
    const jid: ChatJid | null = scope === DEFAULT ? null : chatJid(scope);
    try {
      await telegram.setCommands(jid, commands);
    } catch (error) {
      log.debug({ event: 'menu_not_set', scope }, messageOf(error));
      const isNo = error instanceof TelegramError && [400, 403].includes(error.status);
      if (!isNo) return error instanceof TelegramError ? (error.retryAfterS ?? 60) * 1000 : RETRY_MS;
      refused.set(scope, clock.monotonic() + REFUSED_MS);
      // Of a chat that is gone there is nothing left to take away.
      if (!isOver() && !wantedMenus().has(scope)) db.questions.dropMenu(botId, scope);
      return PACE_MS;
    }
    refused.delete(scope);
    if (isOver()) return PACE_MS;
    // An empty menu of a chat is none; that of strangers is remembered as set.
    if (scope !== DEFAULT && commands.length === 0) db.questions.dropMenu(botId, scope);
    else db.questions.setMenu(botId, scope, digestOf(commands));
    return PACE_MS;
  }

  return {
    changed,
    stop() {
      stopped.abort();
    },
  };
}

const menuFor = (isMain: boolean): MenuCommand[] =>
  commandsFor(isMain).map((command) => ({ command, description: COMMAND_WORDS[command].menu }));

const digestOf = (commands: readonly MenuCommand[]): string =>
  createHash('sha256').update(JSON.stringify(commands)).digest('hex').slice(0, 16);
