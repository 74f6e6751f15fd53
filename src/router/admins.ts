/**
 * Who administers a chat, for sender rules that say so. Messages are judged inside a transaction, which cannot ask
 * Telegram; so before a batch is taken, prepare() asks for the chats in it that need it and whose answer is old.
 * A change that Telegram reports (it does where the bot is an administrator itself) makes the answer old at once.
 * When Telegram does not answer, the last answer counts for TRUSTED_MS more; then nobody is an administrator.
 */
import type { Update } from 'grammy/types';
import type { Db } from '../db.ts';
import { messageOf } from '../errors.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../log.ts';
import type { SenderRules } from '../sender-rules.ts';
import type { Telegram } from '../telegram/api.ts';
import { parseUpdate } from '../telegram/update.ts';
import { type ChatJid, type Group, iso } from '../types.ts';

export const FRESH_MS = 5 * 60_000;
export const TRUSTED_MS = 60 * 60_000;
/** How long a batch may wait for the answer. */
const ANSWER_MS = 5000;
/** After a failure the same chat is not asked again for so long. */
const RETRY_MS = 30_000;

export interface AdminsOptions {
  db: Db;
  clock: Clock;
  log: Logger;
  telegram: Pick<Telegram, 'administrators'>;
  rules: () => SenderRules;
}

export interface Admins {
  /** Null when there is nothing to ask: then the batch need not wait. Never rejects. */
  prepare(updates: readonly Update[]): Promise<void> | null;
  /** False also when nobody knows. */
  includes(jid: ChatJid, sender: string): boolean;
}

export function createAdmins({ db, clock, log, telegram, rules }: AdminsOptions): Admins {
  /** By chat: not to be asked before this, on the monotonic clock. */
  const notBefore = new Map<ChatJid, number>();

  function prepare(updates: readonly Update[]): Promise<void> | null {
    if (!rules().usesAdmins) return null;
    const changed = new Set<ChatJid>();
    const concerned = new Set<ChatJid>();
    for (const incoming of updates.map(parseUpdate)) {
      if ('message' in incoming) concerned.add(incoming.message.chat.chatJid);
      if (incoming.kind === 'callback_query' && incoming.press.chat !== null)
        concerned.add(incoming.press.chat.chatJid);
      if (incoming.kind === 'other' && incoming.name === 'chat_member' && incoming.chatJid !== null)
        changed.add(incoming.chatJid);
    }
    const present = (jids: Set<ChatJid>) =>
      new Set([...jids].map((jid) => db.groups.find(jid)?.chatJid ?? jid));
    const hasChanged = present(changed);
    const asked = [...new Set([...present(concerned), ...hasChanged])].filter((jid) => {
      const group = db.groups.byJid(jid);
      return group !== null && needsThem(group) && (hasChanged.has(jid) || !isFresh(jid));
    });
    if (asked.length === 0) return null;
    return Promise.all(asked.map((jid) => ask(jid, hasChanged.has(jid)))).then(() => {});
  }

  const needsThem = (group: Group): boolean => group.chatJid.startsWith('-') && rules().ruleOf(group).admins;

  function isFresh(jid: ChatJid): boolean {
    if (clock.monotonic() < (notBefore.get(jid) ?? 0)) return true;
    return ageOf(jid) < FRESH_MS;
  }

  /** A clock that was set back makes an answer old. */
  function ageOf(jid: ChatJid): number {
    const at = db.groups.admins(jid)?.at;
    const age = at === undefined ? Number.POSITIVE_INFINITY : clock.now() - Date.parse(at);
    return age < 0 ? Number.POSITIVE_INFINITY : age;
  }

  async function ask(jid: ChatJid, hasChanged: boolean): Promise<void> {
    const limit = new AbortController();
    const timer = clock.after(ANSWER_MS, () => limit.abort());
    try {
      const ids = await telegram.administrators(jid, limit.signal);
      db.groups.setAdmins(jid, ids, iso(clock.now()));
      notBefore.delete(jid);
    } catch (error) {
      notBefore.set(jid, clock.monotonic() + RETRY_MS);
      // What is known to be wrong is not trusted any longer.
      if (hasChanged) db.groups.setAdmins(jid, [], iso(0));
      log.warn({ event: 'administrators_unknown', chat: jid }, messageOf(error));
    } finally {
      timer.cancel();
    }
  }

  return {
    prepare,
    includes: (jid, sender) =>
      ageOf(jid) < TRUSTED_MS && db.groups.admins(jid)?.ids.includes(sender) === true,
  };
}
