/** What updates tell of whether the bot may write in a group's chat: it is paused, or goes on. In the router's transaction. */
import { oneLine } from '../lib/one-line.ts';
import type { IncomingMessage } from '../telegram/message.ts';
import type { Incoming } from '../telegram/update.ts';
import type { ChatJid, Group } from '../types.ts';
import type { Words } from '../words.ts';
import { type PauseContext, pauseGroup, resumeGroup } from './pauses.ts';

export interface PauseUpdatesOptions extends PauseContext {
  /** A group that was paused goes on, and runs of its tasks may be too late by now. */
  judgeRuns: (jid: ChatJid) => void;
}

/** Whom to wake after the commit. */
interface Woken {
  queue: Set<ChatJid>;
  delivery: Set<ChatJid>;
  heard: Set<ChatJid>;
}

export function createPauseUpdates(options: PauseUpdatesOptions) {
  const { db } = options;

  /** Whether the bot may write in a group's chat has changed, perhaps. Returns main's chat when it is told. */
  function membership(
    incoming: Extract<Incoming, { kind: 'my_chat_member' }>,
    group: Group,
    woken: Woken,
  ): ChatJid | null {
    const { chat, isIn, wasIn, mayWrite, by } = incoming;
    const who = (words: Words) => (by === null ? words.somebody : oneLine(by, 64));
    const name = oneLine(chat.name, 100);
    if (!isIn && chat.type === 'private')
      return pauseGroup(options, group, 'blocked', `${by ?? 'somebody'} blocked the bot`);
    if (!isIn) {
      const detail = `${by ?? 'somebody'} removed the bot`;
      return pauseGroup(options, group, 'removed', detail, (words) => words.removedFrom(name, who(words)));
    }
    if (!mayWrite) return pauseGroup(options, group, 'restricted', `${by ?? 'somebody'} restricted the bot`);
    if (wasIn && db.pauses.of(group.chatJid) === null) return null;
    return goOn(group, woken, wasIn ? undefined : (words) => words.backIn(name, who(words)));
  }

  function goOn(group: Group, woken: Woken, say?: (words: Words) => string): ChatJid | null {
    options.judgeRuns(group.chatJid);
    const main = resumeGroup(options, group, say);
    woken.queue.add(group.chatJid);
    woken.delivery.add(group.chatJid);
    return main;
  }

  /** Somebody writes in a paused chat: so the bot is there. Whether it may write is looked at. */
  function heard(message: IncomingMessage, group: Group, woken: Woken): void {
    const pause = db.pauses.of(group.chatJid);
    if (pause === null || message.service) return;
    if (pause.reason === 'restricted' || message.timestamp <= pause.since) {
      woken.heard.add(group.chatJid);
      return;
    }
    const main = goOn(group, woken);
    if (main !== null) woken.delivery.add(main);
  }

  return { membership, heard };
}
