/** /context: how full the conversation is with the model, out of what its agent said last; nobody is asked for it. */
import type { Session } from '../db/sessions.ts';
import { NanoClawError } from '../errors.ts';
import { oneLine } from '../lib/one-line.ts';
import { percent } from '../lib/percent.ts';
import { conversationOf, type Group } from '../types.ts';
import type { ChatCommandContext } from './chat-commands.ts';

/** Of topics; what is beyond is counted. */
const MOST_LISTED = 20;

/** Of this topic's conversation, or the group's; in main of every one of the group that is named. */
export function context(from: ChatCommandContext, args: string): string {
  const { db, group, threadId, words } = from;
  const folder = args.trim();
  if (!group.isMain || folder === '') {
    const session = db.sessions.of(group.folder, conversationOf(group, threadId));
    return session === null ? words.conversation.none : describe(from, group, session);
  }
  const named = db.groups.byFolder(folder);
  if (named === null)
    throw new NanoClawError('GROUP_UNKNOWN', (w) => w.refused.noFolder(oneLine(folder, 63)));
  const all = db.sessions.ofGroup(named.folder);
  if (all.length === 0) return words.conversation.noneIn(named.name);
  const [only] = all;
  if (only?.threadId === 0 && all.length === 1) return describe(from, named, only);
  const more = all.length > MOST_LISTED ? [words.andMore(all.length - MOST_LISTED)] : [];
  return [
    ...all
      .slice(0, MOST_LISTED)
      .map((each) => `${topicOf(from, named, each.threadId)}\n${describe(from, named, each)}`),
    ...more,
  ].join('\n\n');
}

function topicOf({ db, words }: ChatCommandContext, group: Group, threadId: number): string {
  if (threadId === 0) return words.conversation.general;
  return `“${db.topics.name(group.chatJid, threadId) ?? words.topicWithoutName(threadId)}”`;
}

function describe({ words, tasks }: ChatCommandContext, group: Group, session: Session): string {
  const { conversation: w } = words;
  const zone = group.timezone ?? tasks.defaultTimezone;
  const since = session.beganAt === null ? null : words.minute(Date.parse(session.beganAt), zone);
  const { context: full } = session;
  if (full === null) return [w.since(since, session.turns), w.unknown].join('\n');
  const { tokens, window, compact_at, instructions, tools } = full;
  return [
    w.since(since, session.turns),
    w.full(tokens, window, percent(tokens, window)),
    ...(instructions === undefined || tools === undefined
      ? []
      : [w.room(Math.max(0, tokens - instructions - tools), instructions, tools)]),
    compact_at === undefined ? w.fresh : w.compacted(compact_at, percent(compact_at, window)),
  ].join('\n');
}
