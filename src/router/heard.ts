/**
 * The words of a voice message, once they are known: they become part of the message, and where somebody has spoken the
 * assistant's name, the message is for her, as if it had been written. In the caller's transaction.
 */
import type { Attachment } from '../db/attachments.ts';
import type { Db } from '../db.ts';
import { requestOf, triggerOf } from '../trigger.ts';
import type { ChatJid, Group } from '../types.ts';
import type { RequestLimits } from './request-limits.ts';

export interface HeardOptions {
  db: Db;
  limits: Pick<RequestLimits, 'check' | 'settle'>;
}

/** Returns the chat where a turn is due now that was not before, or null. */
export function createHeard({
  db,
  limits,
}: HeardOptions): (attachment: Attachment, words: string) => ChatJid | null {
  /** Names are spoken without an @. */
  const spoken = (group: Group) => group.trigger.replace(/^@/, '');

  return function heard({ id, seq, folder, ofReply }, words) {
    db.attachments.setTranscript(id, words);
    const message = ofReply ? null : db.messages.bySeq(seq);
    const group = db.groups.byFolder(folder);
    if (message === null || group === null) return null;
    const content = `${message.content} ${words}`;
    const input = { text: words, trigger: spoken(group), botUsername: '' };
    const request = requestOf(input);
    db.messages.hear(seq, content, request);
    const isNamed =
      triggerOf({ ...input, entities: [], repliesToBot: false, requiresTrigger: true }) !== null;
    // What was forwarded is not said to her; a reason says why its sender may not ask.
    const mayOpen = message.isFreshContext && message.reason === null && message.forwardedFrom === null;
    if (!isNamed || !mayOpen || limits.check(group, message.sender) !== null) return null;
    limits.settle(true);
    db.messages.openAs(seq, 'voice');
    return group.chatJid;
  };
}
