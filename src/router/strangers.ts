/**
 * What chats that are not registered are answered: /chatid, /pair while there is no main group, and once in a
 * lifetime, in private, that Nina is not for them. Everything else is silence, and nothing of it is kept. Bounded for
 * each chat and for all together, so that strangers cannot use up what may be sent.
 */
import type { Db } from '../db.ts';
import type { Clock } from '../lib/clock.ts';
import { createWindowLimit } from '../lib/window-limit.ts';
import { type PairingResult, tryPairing } from '../pairing.ts';
import { type RegistryOptions, registerGroup } from '../registry.ts';
import type { IncomingMessage } from '../telegram/update.ts';
import { commandOf } from '../trigger.ts';
import { iso } from '../types.ts';

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
    return db.groups.main() === null
      ? `Hello, I am ${assistantName}. Nobody has set me up yet. If this is your NanoClaw: run "nanoclaw pair" on its machine and send me the line that it prints.`
      : `Hello, I am ${assistantName}. I work for a few chats only, and this is none of them, so I cannot help you. What you write here is not kept.`;
  }

  const mayAnswer = ({ chat }: IncomingMessage): boolean => {
    const now = clock.monotonic();
    return perChat.take(chat.chatJid, now) && together.take('all', now);
  };

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
      return paired(message.isPrivate);
    }
    return ANSWERS[result];
  }

  const paired = (isPrivate: boolean): string =>
    [
      `This is the main group now: from here you administer the others. Just write, and I answer; /help shows the commands.`,
      ...(isPrivate
        ? []
        : ['Everybody who writes here may do that. To narrow it: nanoclaw groups set main --senders admins']),
    ].join('\n');

  return { answer };
}

const ANSWERS: Record<Exclude<PairingResult, 'right'>, string | null> = {
  wrong:
    'That code is not valid. It works once and for ten minutes; "nanoclaw pair" on the machine prints a new one.',
  now_locked: 'That code is not valid either. This chat can try again in an hour.',
  locked: null,
};
