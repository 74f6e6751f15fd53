/** From waiting messages to a turn: the row, its messages and the file for the agent, in one transaction. */
import { randomUUID } from 'node:crypto';
import type { Turn } from '../db/turns.ts';
import type { Db } from '../db.ts';
import { renderPrompt } from '../prompt.ts';
import { PROTOCOL_VERSION, type TurnFile } from '../protocol.ts';
import { type ChatJid, type Group, iso, turnId } from '../types.ts';
import { pickBatch } from './batch.ts';

export interface Claimed {
  turn: Turn;
  /** Complete but for the container, which is not known yet. */
  file: Omit<TurnFile, 'container'>;
}

export interface ClaimContext {
  db: Db;
  assistantName: string;
  timezone: string;
  nowMs: number;
}

/** Null when nothing waits. */
export function claimMessages(context: ClaimContext, group: Group): Claimed | null {
  const { db, nowMs, timezone } = context;
  return db.transaction(() => {
    const batch = pickBatch(db.messages, group.chatJid, timezone);
    if (!batch) return null;
    const id = turnId(randomUUID());
    const attempt = nextAttempt(db, group.chatJid);
    const { messages, omitted, threadId, fromSeq, toSeq } = batch;
    db.turns.claim({
      id,
      chatJid: group.chatJid,
      folder: group.folder,
      threadId,
      kind: 'messages',
      attempt,
      at: iso(nowMs),
      fromSeq,
      toSeq,
      omitted,
      messages: messages.map((m) => m.seq),
    });
    const turn = db.turns.byId(id);
    if (!turn) throw new Error(`turn ${id} was not stored`);
    const prompt = renderPrompt({ groupName: group.name, timezone, nowMs, messages, omitted, attempt });
    const requests = messages.flatMap((m) => (m.forNina ? [m.request ?? m.content] : []));
    return { turn, file: turnFile(context, group, turn, { prompt, requests }) };
  });
}

function turnFile(
  { db, assistantName, timezone }: ClaimContext,
  group: Group,
  turn: Turn,
  work: Pick<TurnFile, 'prompt' | 'requests'>,
): Omit<TurnFile, 'container'> {
  return {
    protocol: PROTOCOL_VERSION,
    id: turn.id,
    kind: turn.kind,
    attempt: turn.attempt,
    chat_jid: group.chatJid,
    thread_id: turn.threadId,
    group_name: group.name,
    is_main: group.isMain,
    assistant_name: assistantName,
    timezone,
    session_id: db.agents.session(group.folder, null),
    ...work,
  };
}

/** One more than the last, as long as that was given back; a daemon's end is nobody's fault and does not count. */
function nextAttempt(db: Db, jid: ChatJid): number {
  const last = db.turns.latest(jid, 5).find((t) => t.kind === 'messages');
  if (last?.state !== 'retried') return 1;
  return last.errorCode === 'restart' ? last.attempt : last.attempt + 1;
}
