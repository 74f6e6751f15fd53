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
/** After so many in a row the rest comes slowly: a thousand groups at once must not keep the daemon at it for minutes. */
const AT_ONCE = 100;
const SLOW_MS = 10_000;
const RETRY_MS = 60_000;
/** A chat that refuses (the bot is not in it, perhaps) is left alone for so long. */
const REFUSED_MS = 60 * 60_000;

interface Menu {
  commands: MenuCommand[];
  /** As it is remembered. */
  digest: string;
}

interface Difference {
  botId: number;
  scope: Scope;
  /** Null: the chat is to have none. */
  menu: Menu | null;
}

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
  /** Null: nothing is being set. `stale`: what was listed may not be what is wanted any more. */
  let work: { stale: boolean } | null = null;

  function changed(): void {
    if (work) work.stale = true;
    if (work || isOver() || bot() === null) return;
    work = { stale: true };
    void run(work);
  }

  /** All groups are looked at once for all that differs, and again only after a change. */
  async function run(now: { stale: boolean }): Promise<void> {
    let asked = 0;
    try {
      while (now.stale && !isOver()) {
        now.stale = false;
        for (const menu of differences()) {
          const failedMs = await set(menu);
          asked += 1;
          // What has failed differs still: looked for anew after the wait.
          if (failedMs > 0) now.stale = true;
          await sleep(clock, failedMs || (asked < AT_ONCE ? PACE_MS : SLOW_MS), stopped.signal);
          if (now.stale || isOver()) break;
        }
      }
    } catch (error) {
      log.error({ event: 'menus_failed', err: error }, messageOf(error));
    } finally {
      work = null; // at once: a change from now on begins anew
    }
  }

  /** What is not as it should be: main first, then the newest, where somebody may be looking just now. */
  function differences(): Difference[] {
    const botId = bot()?.id;
    if (botId === undefined || isOver()) return [];
    const [first, ...others] = db.groups.all();
    const groups = first ? [first, ...others.reverse()] : [];
    const wanted = new Map([[DEFAULT, NO_MENU], ...groups.flatMap(menusOf)]);
    const known = db.questions.menus(botId);
    const found: Difference[] = [];
    for (const [scope, menu] of wanted)
      if (known.get(scope) !== menu.digest && mayAsk(scope)) found.push({ botId, scope, menu });
    for (const scope of known.keys())
      if (!wanted.has(scope) && mayAsk(scope)) found.push({ botId, scope, menu: null });
    return found;
  }

  const mayAsk = (scope: Scope): boolean => clock.monotonic() >= (refused.get(scope) ?? 0);

  /** Returns how long to wait before anything else is asked; 0: it was set, or refused for good. */
  async function set({ botId, scope, menu }: Difference): Promise<number> {
    const [chat = '', language] = scope.split(' ');
    const jid: ChatJid | null = chat === DEFAULT ? null : chatJid(chat);
    try {
      await telegram.setCommands(jid, menu?.commands ?? [], language);
    } catch (error) {
      log.debug({ event: 'menu_not_set', scope }, messageOf(error));
      const isNo = error instanceof TelegramError && [400, 403].includes(error.status);
      if (!isNo) return error instanceof TelegramError ? (error.retryAfterS ?? 60) * 1000 : RETRY_MS;
      refused.set(scope, clock.monotonic() + REFUSED_MS);
      // Of a chat that is gone there is nothing left to take away.
      if (!isOver() && menu === null) db.questions.dropMenu(botId, scope);
      return 0;
    }
    refused.delete(scope);
    if (isOver()) return 0;
    // An empty menu of a chat is none; that of strangers is remembered as set.
    if (menu === null) db.questions.dropMenu(botId, scope);
    else db.questions.setMenu(botId, scope, menu.digest);
    return 0;
  }

  return {
    changed,
    stop() {
      stopped.abort();
    },
  };
}

function menusOf({ chatJid: jid, isMain, language }: Group): [Scope, Menu][] {
  if (language !== 'auto') return [[jid, menuFor(isMain, language)]];
  return LANGUAGES.map((each) => [each === DEFAULT_LANGUAGE ? jid : `${jid} ${each}`, menuFor(isMain, each)]);
}

// Two for each language, whatever the number of groups; a cache of pure values.
const menus = new Map<string, Menu>();
function menuFor(isMain: boolean, language: Language): Menu {
  const key = `${isMain} ${language}`;
  const known = menus.get(key);
  if (known) return known;
  const made = menuOf(
    commandsFor(isMain).map((command) => ({
      command,
      description: wordsOf(language).commands[command].menu,
    })),
  );
  menus.set(key, made);
  return made;
}

function menuOf(commands: readonly MenuCommand[]): Menu {
  const digest = createHash('sha256').update(JSON.stringify(commands)).digest('hex').slice(0, 16);
  return { commands: [...commands], digest };
}

const NO_MENU = menuOf([]);
