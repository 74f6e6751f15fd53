/**
 * Which messages become the next turn? Everything that waits, oldest first, with the context around it, within the
 * limits of a prompt. What does not fit stays for the turn after; older context that does not fit is counted.
 */
import type { AttachmentRepository } from '../db/attachments.ts';
import type { MessageRepository } from '../db/messages.ts';
import { MAX_BATCH_BYTES, MAX_BATCH_MESSAGES, renderMessage } from '../prompt.ts';
import type { ChatJid, Seq, StoredMessage } from '../types.ts';

export interface Batch {
  /** Oldest first; at least one is for Nina. */
  messages: StoredMessage[];
  /** Older context messages that were left out. */
  omitted: number;
  /** What was shown before, and what will have been shown after this turn. */
  fromSeq: Seq;
  toSeq: Seq;
  /** The topic that is answered. */
  threadId: number | null;
}

export interface BatchSource {
  messages: MessageRepository;
  attachments: Pick<AttachmentRepository, 'shownWith'>;
}

/** Null when nothing waits. Reads only. */
export function pickBatch(db: BatchSource, jid: ChatJid, timezone: string): Batch | null {
  const { messages } = db;
  const withFiles = (message: StoredMessage): StoredMessage => ({
    ...message,
    files: db.attachments.shownWith(message.seq),
  });
  const first = messages.firstOpen(jid);
  if (first === null) return null;
  const shown = messages.shownSeq(jid);
  const fits = budget(timezone);

  const chosen: StoredMessage[] = [];
  let threadId: number | null | undefined;
  for (const message of messages.forward(jid, first, shown, MAX_BATCH_MESSAGES).map(withFiles)) {
    if (message.forNina) {
      if (threadId === undefined) threadId = message.threadId; // null is a topic, too: the general one
      if (threadId !== message.threadId) break; // another topic asks: its own turn, so that it gets its own answer
    }
    if (!fits(message)) break;
    chosen.push(message);
  }
  // Context behind the last question is left for the question that follows it.
  while (chosen.length > 0 && chosen.at(-1)?.forNina === false) chosen.pop();
  const last = chosen.at(-1);
  if (!last) return null;

  const context: StoredMessage[] = [];
  for (const message of messages.contextBefore(jid, shown, first, MAX_BATCH_MESSAGES).map(withFiles)) {
    if (!fits(message)) break;
    context.unshift(message);
  }
  const total = messages.countContextBefore(jid, shown, first);
  return {
    messages: [...context, ...chosen],
    omitted: total - context.length,
    fromSeq: shown,
    toSeq: last.seq,
    threadId: threadId ?? null,
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
