/**
 * /forget: whose messages are meant, and since when. One message goes at once; of more it asks with a button. The forgetting itself,
 * and the receipt, are forgetting.ts. Everyone may have their own messages forgotten; main those of any group and anybody.
 */
import type { Scope } from '../db/forgettings.ts';
import { NanoClawError } from '../errors.ts';
import { parseDuration } from '../lib/duration.ts';
import { fold } from '../lib/fold.ts';
import { fromWall, toWall } from '../lib/zone.ts';
import { type ChatJid, type Group, type Iso, iso, type Seq } from '../types.ts';
import type { ChatAnswer, ChatCommandContext, Handler } from './chat-commands.ts';
import type { Choice } from './choices.ts';

const DAY_MS = 86_400_000;
const MINE = new Set(['mine', 'meine', 'meines', 'me', 'mich']);
const EVER = new Set(['all', 'alles', 'alle']);
const TODAY = new Set(['today', 'heute']);

/** What the button is about. `by`: who asked; whoever has main may press, too. */
interface Subject extends Scope {
  by: string;
  threadId: number | null;
  /** The name of the sender, as it was looked for. */
  who: string | null;
}

export const FORGET: Handler = { listed: 'everyone', run: forget };

export const FORGET_CHOICE: Choice = {
  title: (w) => w.forgetTitle,
  none: (w) => w.nothingToForget,
  no: (w) => w.neverMind,
  options: () => [],
  mayPress: (group, sender, subject) => group.isMain || (subject !== null && read(subject).by === sender),
  confirm(context, value) {
    return { text: question(context, meant(context, value)), yes: context.words.forgetThem };
  },
  act(context, value) {
    const subject = meant(context, value);
    return begin(context, subject, subject.threadId);
  },
};

const read = (subject: string): Subject => JSON.parse(subject) as Subject;

/** The group may have another chat id since it was asked, and what was said with it. */
function meant({ db }: ChatCommandContext, value: string): Subject {
  const subject = read(value);
  return { ...subject, chatJid: db.groups.find(subject.chatJid)?.chatJid ?? subject.chatJid };
}

function forget(context: ChatCommandContext, args: string): ChatAnswer {
  const { group, replyTo, words } = context;
  const parts = args.split(/\s+/).filter(Boolean);
  const [first = ''] = parts;
  if (first === '') return replyTo === null ? { text: words.forgetHow(group.isMain) } : one(context, replyTo);
  if (MINE.has(first.toLowerCase())) {
    const since = sinceOf(context, group, parts.slice(1));
    return several(context, { chatJid: group.chatJid, sender: context.sender, since, who: null });
  }
  if (!group.isMain) return { text: words.forgetHow(false) };
  const target = context.db.groups.byFolder(first) ?? context.db.groups.find(first as ChatJid);
  if (target === null) throw new NanoClawError('GROUP_UNKNOWN', (w) => w.refused.notRegisteredNow(first));
  const rest = parts.slice(1);
  const hasSince = rest.length > 0 && instant(context, target, rest.at(-1) ?? '') !== null;
  const since = sinceOf(context, target, hasSince ? rest.slice(-1) : []);
  const name = rest.slice(0, hasSince ? -1 : undefined).join(' ');
  const person = name === '' ? null : personOf(context, target, name);
  return several(context, {
    chatJid: target.chatJid,
    sender: person?.sender ?? null,
    since,
    who: person?.name ?? null,
  });
}

/** The message that the command replies to. */
function one(context: ChatCommandContext, replyTo: number): ChatAnswer {
  const { db, group, sender, threadId, words } = context;
  const message = db.messages.byMessageId(group.chatJid, replyTo);
  if (message === null) return { text: words.nothingToForget };
  if (!group.isMain && message.sender !== sender) return { text: words.forgetNotYours };
  const scope: Scope = {
    chatJid: group.chatJid,
    sender: null,
    since: '',
    fromSeq: message.seq,
    toSeq: message.seq,
  };
  return { ...begin(context, scope, threadId), text: '' };
}

function several(
  context: ChatCommandContext,
  { who, ...meant }: Pick<Subject, 'chatJid' | 'sender' | 'since' | 'who'>,
): ChatAnswer {
  const { db, sender, threadId, words } = context;
  const scope: Scope = { ...meant, fromSeq: 1 as Seq, toSeq: db.forgettings.lastSeq() };
  const { count, more } = db.forgettings.count(scope);
  if (count === 0 && !more) return { text: words.nothingToForget };
  const subject: Subject = { ...scope, by: sender, threadId, who };
  return {
    text: '',
    ask: 'forget',
    about: { subject: JSON.stringify(subject), text: question(context, subject) },
  };
}

function question(context: ChatCommandContext, subject: Subject): string {
  const { db, group, tasks, words } = context;
  const target = db.groups.byJid(subject.chatJid);
  const zone = (target ?? group).timezone ?? tasks.defaultTimezone;
  return words.confirmForget({
    ...db.forgettings.count(subject),
    mine: subject.sender !== null && subject.who === null,
    who: subject.who,
    group: target === null || target.chatJid === group.chatJid ? null : target.name,
    since: subject.since === '' ? null : words.minute(Date.parse(subject.since), zone),
  });
}

function begin(
  { db, group, sender, tasks, words }: ChatCommandContext,
  scope: Scope,
  threadId: number | null,
): ChatAnswer {
  const by = { askedBy: `telegram:${sender}`, toldJid: group.chatJid, threadId, at: iso(tasks.now()) };
  db.forgettings.add(scope, by);
  return { text: words.forgetting, forgets: true };
}

function sinceOf(context: ChatCommandContext, group: Group, words: readonly string[]): Iso | '' {
  const text = words.join(' ');
  const since = text === '' ? '' : instant(context, group, text);
  if (since === null) throw new NanoClawError('COMMAND_INVALID', (w) => w.refused.forgetSince(text));
  return since;
}

/** Null: it is no time. */
function instant({ tasks }: ChatCommandContext, group: Group, text: string): Iso | '' | null {
  const word = text.toLowerCase();
  if (EVER.has(word)) return '';
  const zone = group.timezone ?? tasks.defaultTimezone;
  const day = TODAY.has(word)
    ? Math.floor(toWall(tasks.now(), zone) / DAY_MS) * DAY_MS
    : /^\d{4}-\d\d-\d\d$/.test(word)
      ? Date.parse(`${word}T00:00Z`)
      : null;
  if (day !== null) return Number.isFinite(day) ? iso(fromWall(day, zone).instants[0]) : null;
  const ago = /^\d+[a-z]/.test(word) ? parseDuration(word) : null;
  return ago === null ? null : iso(Math.max(0, tasks.now() - ago));
}

function personOf({ db }: ChatCommandContext, group: Group, name: string): { sender: string; name: string } {
  const all = db.forgettings.senders(group.chatJid);
  const wanted = fold(name.replace(/^@/, '')).join(' ');
  const found = all.filter((each) => each.sender === name || fold(each.name).join(' ') === wanted);
  const [person] = found;
  if (person !== undefined && found.length === 1) return person;
  throw new NanoClawError('COMMAND_INVALID', (w) =>
    found.length === 0
      ? w.refused.nobodyCalled(name, group.name)
      : w.refused.severalCalled(name, found.map(({ sender }) => sender).join(', ')),
  );
}
