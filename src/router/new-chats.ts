/**
 * Chats that the bot is added to or removed from: main is told, and asked whether a new one is to be registered. Inside the
 * router's transaction. Bounded, also over restarts: strangers can add the bot to as many chats as they like.
 */

import type { Db } from '../db.ts';
import type { Clock } from '../lib/clock.ts';
import { oneLine } from '../lib/one-line.ts';
import { proposeFolder } from '../registry/propose-folder.ts';
import type { RegistryOptions } from '../registry.ts';
import type { Router } from '../router.ts';
import type { Incoming } from '../telegram/update.ts';
import { type ChatJid, type Group, iso } from '../types.ts';
import type { ChatCommandContext } from './chat-commands.ts';
import type { Questions } from './questions.ts';
import { MOST_TOLD, timesTold } from './told.ts';

const HOUR_MS = 60 * 60_000;
/** The same chat is asked about once in this time, however often the bot is added there. */
const SAME_CHAT_MS = 24 * HOUR_MS;

type Moved = Extract<Incoming, { kind: 'my_chat_member' }>;

export interface NewChatsOptions {
  db: Db;
  clock: Clock;
  registry: RegistryOptions;
  record: Router['record'];
  questions: Questions;
  contextOf: (group: Group, sender: string) => ChatCommandContext;
}

export function createNewChats(options: NewChatsOptions) {
  const { db, clock, registry, questions } = options;

  /** Of a chat that is not registered. Returns main's chat when it is told something. */
  function moved({ chat, isIn, wasIn, by: who }: Moved): ChatJid | null {
    const main = db.groups.main();
    if (main === null || isIn === wasIn || chat.chatJid === main.chatJid) return null;
    const isGroup = chat.type === 'group' || chat.type === 'supergroup';
    if (!isGroup || !isIn || wasAskedLately(chat.chatJid)) return null;
    const times = timesTold(db, clock);
    if (times > MOST_TOLD + 1) return null;
    const name = oneLine(chat.name, 100);
    const words = db.languages.wordsFor(main.chatJid);
    const by = who === null ? words.somebody : oneLine(who, 64);
    const tell = (text: string) =>
      options.record({ chatJid: main.chatJid, threadId: null, turnId: null, replyTo: null, text });
    if (times > MOST_TOLD) tell(words.addedToMany(name, MOST_TOLD));
    else {
      const folder = proposeFolder(db, registry.home, { chatJid: chat.chatJid, name });
      const about = { subject: chat.chatJid, text: words.addedTo(name, by, folder) };
      questions.ask(options.contextOf(main, 'nobody'), { kind: 'join', threadId: null, about });
    }
    return main.chatJid;
  }

  function wasAskedLately(jid: ChatJid): boolean {
    const last = db.questions.lastAbout('join', jid);
    return last !== null && last > iso(clock.now() - SAME_CHAT_MS);
  }

  return { moved };
}
