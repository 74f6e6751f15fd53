/**
 * What chats that are not registered are answered: /chatid, /pair while there is no main group, and once in a
 * lifetime, in private, that Nina is not for them. Everything else is silence, and nothing of it is kept. Bounded for
 * each chat and for all together, so that strangers cannot use up what may be sent.
 */
import type { Db } from '../db.ts';
import type { Clock } from '../lib/clock.ts';
import { createWindowLimit } from '../lib/window-limit.ts';
import { tryPairing } from '../pairing.ts';
import { type RegistryOptions, registerGroup } from '../registry.ts';
import type { IncomingMessage } from '../telegram/message.ts';
import { commandOf } from '../trigger.ts';
import { iso } from '../types.ts';
import type { Words } from '../words.ts';

const MINUTE_MS = 60_000;
const PER_CHAT = 3;
const ALL_CHATS = 20;

export interface StrangersOptions {
  db: Db;
  clock: Clock;
  registry: RegistryOptions;
  assistantName: string;
}

/** Returns the answer, or null for silence. In the router's transaction, after the chat was noted. */
export function createStrangers({ db, clock, registry, assistantName }: StrangersOptions) {
  const perChat = createWindowLimit<string>(PER_CHAT, MINUTE_MS);
  const together = createWindowLimit<'all'>(ALL_CHATS, MINUTE_MS);

  function answer(message: IncomingMessage, botUsername: string): string | null {
    if (message.service || message.senderIsBot) return null;
    const command = commandOf(message.text, message.entities, botUsername);
    if (command?.name === 'pair') {
      // Tries are counted even when they are not answered.
      const reply = pair(message, command.args);
      if (reply !== null) return mayAnswer(message) ? reply : null;
    }
    if (command?.name === 'chatid') return mayAnswer(message) ? message.chat.chatJid : null;
    if (!message.isPrivate || db.groups.wasRefused(message.chat.chatJid) || !mayAnswer(message)) return null;
    db.groups.refuse(message.chat.chatJid, iso(clock.now()));
    const words = wordsFor(message);
    return db.groups.main() === null ? words.notSetUp(assistantName) : words.notForYou(assistantName);
  }

  const mayAnswer = ({ chat }: IncomingMessage): boolean => {
    const now = clock.monotonic();
    return perChat.take(chat.chatJid, now) && together.take('all', now);
  };

  /** What comes later in this chat is said in the same language. */
  function wordsFor({ chat, language }: IncomingMessage): Words {
    db.languages.note(chat.chatJid, language);
    return db.languages.wordsFor(chat.chatJid);
  }

  /** Null: as if it were any message. */
  function pair(message: IncomingMessage, code: string): string | null {
    const { chatJid, name } = message.chat;
    if (db.groups.main() !== null) {
      db.audit.note({
        at: iso(clock.now()),
        actor: `telegram:${message.sender}`,
        group: null,
        action: 'pair',
        outcome: 'refused',
        detail: `chat ${chatJid}: there is a main group already`,
      });
      return null;
    }
    const result = tryPairing(db, chatJid, message.sender, code, clock.now());
    if (result === 'right') {
      registerGroup(
        registry,
        { chatJid, name: name.trim().slice(0, 128) || 'Main', folder: 'main', isMain: true },
        `telegram:${message.sender}`,
      );
      const words = wordsFor(message);
      return message.isPrivate ? words.isMainNow : `${words.isMainNow}\n${words.everybodyMay}`;
    }
    if (result === 'locked') return null;
    return result === 'wrong' ? wordsFor(message).wrongCode : wordsFor(message).lastWrongCode;
  }

  return { answer };
}
