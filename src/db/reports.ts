/** Lists for people and scripts: the newest messages of a chat, the newest turns. Reads only. */
import type { ChatJid, Iso } from '../types.ts';
import type { Sqlite } from './open.ts';

export interface ListedMessage {
  seq: number;
  message_id: number;
  thread_id: number | null;
  sender: string;
  sender_name: string;
  content: string;
  timestamp: string;
  is_bot_message: number;
  turn_id: string | null;
  disposition: string | null;
  reason: string | null;
}

export interface ListedTurn {
  seq: number;
  id: string;
  chat_jid: string;
  group_folder: string;
  kind: string;
  state: string;
  attempt: number;
  container_id: string | null;
  queued_at: string;
  started_at: string | null;
  finished_at: string | null;
  /** When the model first answered, its agent began, and what it answers was asked for: see turn-phases.ts. */
  first_output_at: string | null;
  agent_started_at: string | null;
  asked_at: string | null;
  error_code: string | null;
  error: string | null;
  input_tokens: number | null;
  output_tokens: number | null;
  cost_usd: number | null;
  /** What it was thought with; model null: the provider's own choice. */
  provider: string | null;
  model: string | null;
}

export interface Listing {
  /** Only rows behind this one; 0 for all. */
  afterSeq: number;
  /** The newest so many are returned, oldest first. */
  limit: number;
  /** Not what is older. */
  since?: Iso | undefined;
}

export function reportRepository(db: Sqlite) {
  // What is older than `since` is passed over by the index of times.
  const messages = db.prepare<[Record<string, string | number | null>], ListedMessage>(
    `SELECT seq, message_id, thread_id, sender, sender_name, content, timestamp, is_bot_message, turn_id, disposition, reason
     FROM messages WHERE chat_jid = @jid AND seq > @afterSeq
       AND seq >= coalesce(
         CASE WHEN @since IS NULL THEN 0 ELSE
           (SELECT min(seq) FROM messages WHERE chat_jid = @jid AND timestamp >= @since) END, 9223372036854775807)
       AND timestamp >= coalesce(@since, '')
       AND (@disposition IS NULL OR coalesce(disposition, 'open') = @disposition)
     ORDER BY seq DESC LIMIT @limit`,
  );
  const turns = db.prepare<[Record<string, string | number | null>], ListedTurn>(
    `SELECT seq, id, chat_jid, group_folder, kind, state, attempt, container_id, queued_at, started_at, finished_at,
       first_output_at, agent_started_at, asked_at, error_code, error, input_tokens, output_tokens, cost_usd,
       provider, model
     FROM turns WHERE seq > @afterSeq AND (@folder IS NULL OR group_folder = @folder)
       AND (@state IS NULL OR state = @state) AND queued_at >= coalesce(@since, '')
     ORDER BY seq DESC LIMIT @limit`,
  );
  return {
    /** `disposition`: one of them, `open` for what is still owed, null for any. */
    messages: (jid: ChatJid, disposition: string | null, listing: Listing): ListedMessage[] =>
      messages.all({ jid, disposition, ...listing, since: listing.since ?? null }).reverse(),
    turns: (folder: string | null, state: string | null, listing: Listing): ListedTurn[] =>
      turns.all({ folder, state, ...listing, since: listing.since ?? null }).reverse(),
  };
}
