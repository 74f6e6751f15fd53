/** A row of `turns`: one attempt (turns.ts). */
import {
  type ChatJid,
  type Conversation,
  type Folder,
  type Iso,
  PROVIDERS,
  type ProviderName,
  type Seq,
  type TurnId,
} from '../types.ts';

export type TurnState = 'queued' | 'running' | 'done' | 'retried' | 'failed' | 'stopped';
export type TurnKind = 'messages' | 'task';

export interface Turn {
  id: TurnId;
  /** Order of claiming, from 1. */
  seq: number;
  chatJid: ChatJid;
  folder: Folder;
  threadId: number | null;
  /** Which conversation it goes on, as its group's topics were when it was claimed. */
  conversation: Conversation;
  kind: TurnKind;
  state: TurnState;
  attempt: number;
  containerName: string | null;
  queuedAt: Iso;
  startedAt: Iso | null;
  finishedAt: Iso | null;
  errorCode: string | null;
  error: string | null;
  fromSeq: Seq | null;
  toSeq: Seq | null;
  omitted: number;
  lastEvent: number;
  reply: string;
  /** The conversation it was to resume. */
  sessionId: string | null;
  /** When a retried one may be repeated. */
  retryAt: Iso | null;
  /** e.g. `by telegram:1001`. */
  stoppedBy: string | null;
  /** When the oldest of what it answers was asked for, or its task was due. */
  askedAt: Iso | null;
  /** When its first event was taken: its agent has begun. */
  agentStartedAt: Iso | null;
  /** When the model's first sign was taken: a word, a thought, a tool. */
  firstOutputAt: Iso | null;
  /** What it was claimed for; null: from before that was noted. */
  provider: ProviderName | null;
  /** Null: the provider's own choice. */
  model: string | null;
}

export interface TurnRow {
  id: string;
  seq: number;
  chat_jid: string;
  group_folder: string;
  thread_id: number | null;
  conversation: number | null;
  kind: string;
  state: string;
  attempt: number;
  container_id: string | null;
  queued_at: string;
  started_at: string | null;
  finished_at: string | null;
  error_code: string | null;
  error: string | null;
  from_seq: number | null;
  to_seq: number | null;
  omitted: number;
  last_event: number;
  reply: string;
  session_id: string | null;
  retry_at: string | null;
  stopped_by: string | null;
  asked_at: string | null;
  agent_started_at: string | null;
  first_output_at: string | null;
  provider: string | null;
  model: string | null;
}

/** Of `turns`, as TurnRow has them. */
export const TURN_COLUMNS = `id, seq, chat_jid, group_folder, thread_id, conversation, kind, state, attempt, container_id, queued_at, started_at,
  finished_at, error_code, error, from_seq, to_seq, omitted, last_event, reply,
  session_id, retry_at, stopped_by, asked_at, agent_started_at, first_output_at, provider, model`;

export const toTurn = (row: TurnRow): Turn => ({
  id: row.id as TurnId,
  seq: row.seq,
  chatJid: row.chat_jid as ChatJid,
  folder: row.group_folder as Folder,
  threadId: row.thread_id,
  conversation: row.conversation,
  kind: row.kind as TurnKind,
  state: row.state as TurnState,
  attempt: row.attempt,
  containerName: row.container_id,
  queuedAt: row.queued_at as Iso,
  startedAt: row.started_at as Iso | null,
  finishedAt: row.finished_at as Iso | null,
  errorCode: row.error_code,
  error: row.error,
  fromSeq: row.from_seq as Seq | null,
  toSeq: row.to_seq as Seq | null,
  omitted: row.omitted,
  lastEvent: row.last_event,
  reply: row.reply,
  sessionId: row.session_id,
  retryAt: row.retry_at as Iso | null,
  stoppedBy: row.stopped_by,
  askedAt: row.asked_at as Iso | null,
  agentStartedAt: row.agent_started_at as Iso | null,
  firstOutputAt: row.first_output_at as Iso | null,
  provider: PROVIDERS.find((one) => one === row.provider) ?? null,
  model: row.model,
});
