/**
 * The commands that Telegram offers behind "/": main sees all, each other group those for everyone, strangers none; each in
 * the reader's language, or in the one that the group is set to. Set when
 * the bot knows who it is and when registrations change, only where they differ from what was set last; that is remembered
 * in the database. Decoration: nothing waits for it, and what fails is tried again later without a word to anybody.
 */
import { createHash } from 'node:crypto';
import type { Db } from '../db.ts';
import { messageOf } from '../errors.ts';
import { type Clock, sleep } from '../lib/clock.ts';
import type { Logger } from '../log.ts';
import { type BotIdentity, type MenuCommand, type Telegram, TelegramError } from '../telegram/api.ts';
import { type ChatJid, chatJid, type Group } from '../types.ts';
import { DEFAULT_LANGUAGE, LANGUAGES, type Language, wordsOf } from '../words.ts';
import { commandsFor } from './chat-commands.ts';

/** Wherever nothing else was set. */
const DEFAULT = 'default';
/** A scope is DEFAULT or a chat's id; for those who read another language, the language follows behind a space. */
type Scope = string;
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
  const refused = new Map<Scope, number>();
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
  function difference(): { botId: number; scope: Scope; commands: MenuCommand[] } | null {
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

  const mayAsk = (scope: Scope): boolean => clock.monotonic() >= (refused.get(scope) ?? 0);

  function wantedMenus(): Map<Scope, MenuCommand[]> {
    return new Map([[DEFAULT, []], ...db.groups.all().flatMap(menusOf)]);
  }

  /** Returns how long to wait before the next request. */
  async function set(botId: number, scope: Scope, commands: MenuCommand[]): Promise<number> {
    const [chat = '', language] = scope.split(' ');
    const jid: ChatJid | null = chat === DEFAULT ? null : chatJid(chat);
    try {
      await telegram.setCommands(jid, commands, language);
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

function menusOf({ chatJid: jid, isMain, language }: Group): [Scope, MenuCommand[]][] {
  if (language !== 'auto') return [[jid, menuFor(isMain, language)]];
  return LANGUAGES.map((each) => [each === DEFAULT_LANGUAGE ? jid : `${jid} ${each}`, menuFor(isMain, each)]);
}

const menuFor = (isMain: boolean, language: Language): MenuCommand[] =>
  commandsFor(isMain).map((command) => ({ command, description: wordsOf(language).commands[command].menu }));

const digestOf = (commands: readonly MenuCommand[]): string =>
  createHash('sha256').update(JSON.stringify(commands)).digest('hex').slice(0, 16);
