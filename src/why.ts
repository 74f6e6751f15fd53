/**
 * "Why?": what became of a message, and when, in plain words. Reads only. For /why in a chat and `nanoclaw why`.
 */

import type { Trace } from './db/trace.ts';
import type { Db } from './db.ts';
import { formatDuration } from './next-run/duration.ts';
import { localTime } from './prompt.ts';
import type { ChatJid, Group } from './types.ts';

export interface Explanation {
  /** Null when no such message was stored. */
  trace: Trace | null;
  /** One thought per line. */
  lines: string[];
}

/** `viewer`: the group that asks, which is told nothing of another group's turn; without it, whoever may see all. */
export function explainMessage(
  db: Db,
  jid: ChatJid,
  messageId: number,
  timezone: string,
  viewer?: Group,
): Explanation {
  const trace = db.trace(jid, messageId);
  if (!trace) {
    const known = db.groups.byJid(jid) !== null;
    const why = known
      ? 'It was written before this chat was registered, or Telegram did not show it to the bot (privacy mode).'
      : 'This chat is not registered: of such chats only the name is kept.';
    return { trace: null, lines: [`I have no message ${messageId} of this chat. ${why}`] };
  }
  const at = (time: string | null) => (time === null ? '?' : localTime(Date.parse(time), timezone));
  const { message, turns, sent } = trace;
  const lines = [
    `Message ${messageId} from ${message.senderName}, ${at(message.timestamp)}; stored ${at(message.receivedAt)}.`,
    meaning(message),
    ...limited(db, jid, message, at),
  ];
  if (viewer && !viewer.isMain && turns.some(({ folder }) => folder !== viewer.folder))
    return { trace, lines: [...lines, 'It was sent here from another chat.'] };
  for (const turn of turns) {
    const what = turn.kind === 'task' ? 'task' : 'turn';
    const took =
      turn.startedAt && turn.finishedAt
        ? ` after ${formatDuration(Date.parse(turn.finishedAt) - Date.parse(turn.startedAt))}`
        : '';
    const how = turn.finishedAt === null ? turn.state : `${turn.state} ${at(turn.finishedAt)}${took}`;
    const error = turn.errorCode === null ? '' : ` (${turn.errorCode})`;
    lines.push(
      `The ${what} ${turn.id.slice(0, 8)}, attempt ${turn.attempt}: queued ${at(turn.queuedAt)}, began ${at(turn.startedAt)}, ${how}${error}.`,
    );
  }
  for (const reply of sent) {
    const arrived =
      reply.sentAt === null ? reply.state : `sent ${at(reply.sentAt)} as message ${reply.sentMessageId}`;
    const error = reply.error === null || reply.sentAt !== null ? '' : ` (${reply.error})`;
    lines.push(
      `Reply ${reply.id}: ${arrived}${reply.attempts > 1 ? `, ${reply.attempts} tries` : ''}${error}.`,
    );
  }
  if (message.disposition === 'answered' && turns.length === 0)
    lines.push('The details of its turn are not kept any more (KEEP_HISTORY).');
  else if (message.disposition === 'answered' && sent.length === 0)
    lines.push('The agent had nothing to say.');
  return { trace, lines };
}

/** Where it is noted until when a group waits for its next turn. */
export const turnLimitKey = (jid: ChatJid): string => `turn_limit_until:${jid}`;

function limited(db: Db, jid: ChatJid, message: Trace['message'], at: (time: string) => string): string[] {
  const until = db.inbox.meta(turnLimitKey(jid));
  const waits = message.disposition === null && message.turnId === null;
  if (!waits || until === null || until < message.receivedAt) return [];
  return [`The chat has had its turns of this hour; it goes on ${at(until)}.`];
}

function meaning({ disposition, reason, triggerKind, turnId }: Trace['message']): string {
  const kinds: Record<string, string> = {
    mention: 'it names her',
    reply: 'it replies to her',
    command: 'it is a command',
    always: 'everything here is for her',
    album: 'its album is for her',
    voice: 'her name is spoken in it',
  };
  const because = triggerKind === null ? '' : ` (${kinds[triggerKind] ?? triggerKind})`;
  switch (disposition) {
    case null:
      return turnId === null
        ? `Meant for Nina${because}; it waits for its turn.`
        : `Meant for Nina${because}; it is being answered.`;
    case 'not_for_nina':
      return turnId === null
        ? `Not meant for Nina: ${reason ?? 'no trigger'}. It will be shown to her as context with the next question.`
        : `Not meant for Nina: ${reason ?? 'no trigger'}. It was shown to her as context.`;
    case 'not_allowed':
      return `Not allowed: ${reason ?? 'unknown'}. Nina does not see it.`;
    case 'answered':
      return `Meant for Nina${because}; answered.`;
    case 'failed':
      return `Meant for Nina${because}; it failed: ${reason ?? 'unknown'}.`;
    case 'stopped':
      return `Meant for Nina${because}; stopped${reason === null ? '' : `: ${reason}`}.`;
    case 'host_command':
      return `A command (${reason ?? '?'}) that the daemon answered itself.`;
    case 'own':
      return 'Written by Nina.';
    case 'service':
      return 'A change in the chat, nothing that was said.';
    default:
      return `${disposition}${reason === null ? '' : `: ${reason}`}.`;
  }
}
