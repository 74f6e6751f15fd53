/**
 * Which messages become the next turn of a conversation? Everything that waits, oldest first, with the context around it, within
 * the limits of a prompt. What does not fit stays for the turn after; older context that does not fit is counted.
 */
import type { AttachmentRepository } from '../db/attachments.ts';
import type { MessageRepository } from '../db/messages.ts';
import type { TopicRepository } from '../db/topics.ts';
import { MAX_BATCH_BYTES, MAX_BATCH_MESSAGES, renderMessage } from '../prompt.ts';
import type { ChatJid, Conversation, Seq, StoredMessage } from '../types.ts';

export interface Batch {
  /** Oldest first; at least one is for Nina. */
  messages: StoredMessage[];
  /** Older context messages that were left out. */
  omitted: number;
  /** What of the conversation was shown before, and what will have been shown after this turn. */
  fromSeq: Seq;
  toSeq: Seq;
}

export interface BatchSource {
  messages: MessageRepository;
  attachments: Pick<AttachmentRepository, 'shownWith'>;
  topics: Pick<TopicRepository, 'shownSeq'>;
}

/** From where on something waits in which topic, and what it is a part of. */
export interface BatchStart {
  threadId: number | null;
  first: Seq;
  conversation: Conversation;
}

/** Reads only. */
export function pickBatch(
  db: BatchSource,
  jid: ChatJid,
  { threadId, first, conversation }: BatchStart,
  timezone: string,
): Batch {
  const { messages } = db;
  const withFiles = (message: StoredMessage): StoredMessage => ({
    ...message,
    files: db.attachments.shownWith(message.seq),
  });
  const shown = db.topics.shownSeq(jid, conversation);
  const fits = budget(timezone);

  const chosen: StoredMessage[] = [];
  const next = messages.forward(jid, conversation, first, shown, MAX_BATCH_MESSAGES);
  for (const message of next.map(withFiles)) {
    // Another topic of the same conversation asks: its own turn, so that it gets its own answer.
    if (message.forNina && message.threadId !== threadId) break;
    if (!fits(message)) break;
    chosen.push(message);
  }
  // Context behind the last question is left for the question that follows it.
  while (chosen.length > 0 && chosen.at(-1)?.forNina === false) chosen.pop();

  const context: StoredMessage[] = [];
  const before = messages.contextBefore(jid, conversation, shown, first, MAX_BATCH_MESSAGES);
  for (const message of before.map(withFiles)) {
    if (!fits(message)) break;
    context.unshift(message);
  }
  const total = messages.countContextBefore(jid, conversation, shown, first);
  return {
    messages: [...context, ...chosen],
    omitted: total - context.length,
    fromSeq: shown,
    toSeq: chosen.at(-1)?.seq ?? first,
  };
}

/** Says whether one more message fits; the first always does. */
function budget(timezone: string): (message: StoredMessage) => boolean {
  let count = 0;
  let bytes = 0;
  return (message) => {
    const size = Buffer.byteLength(renderMessage(message, timezone)) + 1;
    if (count > 0 && (count >= MAX_BATCH_MESSAGES || bytes + size > MAX_BATCH_BYTES)) return false;
    count += 1;
    bytes += size;
    return true;
  };
}
