/** A message as it is stored, and as the others know it. */
import type { Iso, Seq, StoredMessage } from '../types.ts';

export interface MessageRow {
  seq: number;
  message_id: number;
  thread_id: number | null;
  sender: string;
  sender_name: string;
  content: string;
  timestamp: string;
  disposition: string | null;
  turn_id: string | null;
  request: string | null;
  reply_to_message_id: number | null;
  reply_to_name: string | null;
  reply_to_text: string | null;
  reply_to_quote: number;
  reply_to_chat: string | null;
  forwarded_from: string | null;
  edited_at: string | null;
  album_id: string | null;
}

/** The columns of a MessageRow. */
export const MESSAGE = `seq, message_id, thread_id, sender, sender_name, content, timestamp, disposition, turn_id, request,
  reply_to_message_id, reply_to_name, reply_to_text, reply_to_quote, reply_to_chat, forwarded_from, edited_at, album_id`;

export const toMessage = (row: MessageRow): StoredMessage => ({
  seq: row.seq as Seq,
  messageId: row.message_id,
  threadId: row.thread_id,
  sender: row.sender,
  senderName: row.sender_name,
  content: row.content,
  timestamp: row.timestamp as Iso,
  forNina: row.disposition === null,
  request: row.request,
  replyTo:
    row.reply_to_name === null
      ? null
      : {
          messageId: row.reply_to_message_id,
          name: row.reply_to_name,
          text: row.reply_to_text ?? '',
          isQuote: row.reply_to_quote === 1,
          chat: row.reply_to_chat,
        },
  forwardedFrom: row.forwarded_from,
  editedAt: row.edited_at as Iso | null,
  albumId: row.album_id,
});
