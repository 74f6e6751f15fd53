/**
 * The people in the chats: they write in bursts, mostly by day, to Nina or to each other, in topics, as replies; they
 * edit, give commands, and their groups become supergroups. Each message bears a token, `#m17`, that no other has.
 */
import type { Message, MessageEntity, Update } from 'grammy/types';
import { BOT, type Chat } from './chats.ts';
import type { Rng } from './rng.ts';
import type { SimulatedTelegram } from './telegram.ts';
import type { World } from './world.ts';

export type Kind = 'request' | 'context' | 'command' | 'service' | 'bot';

/** What somebody wrote, and Telegram accepted. */
export interface Written {
  token: string;
  chat: number;
  place: string;
  messageId: number;
  kind: Kind;
  /** As it was, and as it was edited. */
  texts: string[];
  kinds: Set<Kind>;
  /** Monotonic milliseconds. */
  at: number;
  updates: number[];
  raw: Message;
}

export interface PlaceHabits {
  /** Nina answers everything here. */
  noTrigger: boolean;
  isMain: boolean;
  /** Mean milliseconds between bursts. */
  burstEvery: number;
}

export interface People {
  readonly written: Written[];
  /** Presses under agents' questions: what they say, and as which update they were offered. */
  readonly pressed: { data: string; place: string; update: number; at: number }[];
  /** Somebody in this chat goes on writing from now on. */
  settleIn(chat: Chat, habits: PlaceHabits): void;
  /** The group becomes a supergroup now. */
  moveOn(chat: Chat): void;
}

const SENDERS = [
  { id: 1001, is_bot: false, first_name: 'Anna' },
  { id: 1002, is_bot: false, first_name: 'Bert' },
  { id: 1003, is_bot: false, first_name: 'Çağla' },
];

const file = (token: string) => ({
  file_id: `file ${token}`,
  file_unique_id: `unique ${token}`,
  file_name: `${token}.txt`,
});

export function createPeople(world: World, telegram: SimulatedTelegram, openTasks: () => string[]): People {
  const rng: Rng = world.rng('people');
  const written: Written[] = [];
  const pressed: People['pressed'][number][] = [];
  const fingers: Rng = world.rng('presses');
  let tokens = 0;

  telegram.chats.onButtons = (chat, messageId, all) => {
    const asks = all.filter((data) => data.startsWith('ask.'));
    if (asks.length === 0 || !fingers.chance(0.7)) return;
    for (let times = fingers.chance(0.2) ? 2 : 1; times > 0; times -= 1) {
      // Soon, while its agent waits; or when it has long gone on.
      const delay = fingers.chance(0.7) ? fingers.between(500, 70_000) : fingers.around(6 * 3_600_000);
      world.timeline.in(delay, () => press(chat, messageId, fingers.pick(asks)));
    }
  };

  function press(chat: Chat, messageId: number, data: string): void {
    if (!world.faults) return;
    const message = { message_id: messageId, date: 1, chat: chatOf(chat) };
    const from = fingers.pick(SENDERS);
    const id = `press ${pressed.length}`;
    const callback_query = { id, from, message, chat_instance: '1', data };
    const update = telegram.updates.offer({ callback_query } as unknown as Omit<Update, 'update_id'>);
    pressed.push({ data, place: chat.place, update, at: world.timeline.now });
    world.count('presses');
    world.note('pressed', { chat: chat.id, messageId, update, data });
  }

  function settleIn(chat: Chat, habits: PlaceHabits): void {
    let at = chat;
    const burst = () => {
      if (!world.faults) return;
      while (at.movedTo !== null) at = telegram.chats.get(at.movedTo);
      for (
        let n = rng.weighted({ 1: 6, 2: 3, 4: 2, 9: 1 } as Record<string, number>),
          left = Number(n),
          delay = 0;
        left > 0;
        left -= 1
      ) {
        delay += rng.chance(0.4) ? rng.between(0, 900) : rng.around(15_000);
        world.timeline.in(delay, () => write(at, habits));
      }
      world.timeline.in(rng.around(habits.burstEvery), burst);
    };
    world.timeline.in(rng.around(habits.burstEvery), burst);
  }

  function write(given: Chat, habits: PlaceHabits): void {
    const chat = given.movedTo === null ? given : telegram.chats.get(given.movedTo);
    const what = rng.weighted({ request: 50, context: 24, command: 11, edit: 9, service: 3, bot: 3 });
    if (what === 'edit') return edit(chat, habits);
    tokens += 1;
    const token = `#m${tokens}`;
    const kind: Kind = what === 'context' && habits.noTrigger ? 'request' : what;
    const said = saying(kind, token, habits);
    const reply = kind === 'context' && rng.chance(0.15) ? replyToNina(chat) : null;
    const raw = message(chat, { ...said, ...(reply ?? {}), ...(kind === 'bot' ? { from: OTHER_BOT } : {}) });
    const actual: Kind = reply ? 'request' : kind;
    const update = telegram.updates.offer({ message: raw } as Omit<Update, 'update_id'>);
    const text = raw.text ?? raw.caption ?? '';
    written.push({
      token,
      chat: chat.id,
      place: chat.place,
      messageId: raw.message_id,
      kind: actual,
      texts: [text],
      kinds: new Set([actual]),
      at: world.timeline.now,
      updates: [update],
      raw,
    });
    world.count('messages');
    world.note('written', {
      chat: chat.id,
      messageId: raw.message_id,
      update,
      kind: actual,
      text: text.slice(0, 50),
    });
  }

  function saying(kind: Kind, token: string, habits: PlaceHabits): Partial<Message> {
    if (kind === 'service') return { new_chat_title: `Title ${token}` };
    if (kind === 'command') return command(token, habits);
    if (kind === 'context') return { text: `nothing much ${token}` };
    if (kind === 'bot') return { text: `@Nina beep ${token}` };
    const text = habits.noTrigger && rng.chance(0.5) ? `please ${token}` : `@Nina please ${token}`;
    return rng.chance(0.1) ? { caption: text, document: file(token) } : { text };
  }

  function command(token: string, habits: PlaceHabits): Partial<Message> {
    const names = ['/help', '/status', '/tasks', '/why', '/stop', '/stop', '/new', '/ping', '/chatid'];
    const ofMain = ['/pause', '/resume', '/cancel', '/run'];
    const name = habits.isMain && rng.chance(0.4) ? rng.pick(ofMain) : rng.pick(names);
    const task = ofMain.includes(name) ? ` ${rng.pick([...openTasks(), 'nothing'])}` : '';
    // Known commands are told apart from requests by the daemon; the token is in no message of theirs.
    const entities: MessageEntity[] = [{ type: 'bot_command', offset: 0, length: name.length }];
    const asked = name === '/why' ? rng.pick([...written.slice(-10), null]) : null;
    return {
      text: `${name}${task}${task === '' ? ` ${token}` : ''}`,
      entities,
      ...(asked ? { reply_to_message: asked.raw } : {}),
    } as Partial<Message>;
  }

  const OTHER_BOT = { id: 777, is_bot: true, first_name: 'Beep' };

  function replyToNina(chat: Chat): Partial<Message> | null {
    const last = telegram.chats.arrivals.findLast((arrival) => arrival.chat === chat.id);
    if (!last) return null;
    const from = { id: BOT.id, is_bot: true, first_name: BOT.name };
    return {
      reply_to_message: {
        message_id: last.messageId,
        date: 0,
        chat: { id: chat.id, type: 'group' },
        from,
        text: last.text.slice(0, 100),
      },
    } as unknown as Partial<Message>;
  }

  function message(chat: Chat, said: Partial<Message>): Message {
    const topic = chat.topics.length > 0 && rng.chance(0.7) ? rng.pick(chat.topics) : null;
    return {
      message_id: telegram.chats.nextMessageId(chat),
      date: Math.floor(world.trueTime() / 1000),
      from: rng.pick(SENDERS),
      chat: chatOf(chat),
      ...(topic === null ? {} : { is_topic_message: true, message_thread_id: topic }),
      ...said,
    } as Message;
  }

  /** Somebody changes one of the last messages: other words, or Nina is meant now, or no longer. */
  function edit(chat: Chat, habits: PlaceHabits): void {
    const recent = written.filter(
      (w) => w.chat === chat.id && (w.kind === 'request' || w.kind === 'context'),
    );
    const one = recent.at(-rng.between(1, 4));
    if (!one || one.raw.text === undefined) return;
    const kind: Kind = habits.noTrigger || rng.chance(0.6) ? 'request' : 'context';
    const text = `${kind === 'request' ? '@Nina please' : 'nothing much'} ${one.token} (version ${one.texts.length + 1})`;
    const raw = { ...one.raw, text, edit_date: Math.floor(world.trueTime() / 1000) };
    const repliesToNina = one.raw.reply_to_message?.from?.id === BOT.id;
    one.kinds.add(repliesToNina ? 'request' : kind);
    one.texts.push(text);
    const update = telegram.updates.offer({ edited_message: raw } as Omit<Update, 'update_id'>);
    one.updates.push(update);
    world.count('edits');
    world.note('edited', { chat: chat.id, messageId: one.messageId, update, kind });
  }

  function moveOn(chat: Chat): void {
    const id = -1_000_000_000_000 + chat.id;
    const moved = telegram.chats.add(id, chat.title, 'supergroup', chat.topics);
    moved.place = chat.place;
    const service = (at: Chat, more: Record<string, unknown>) =>
      telegram.updates.offer({ message: message(at, more as Partial<Message>) } as Omit<Update, 'update_id'>);
    const old = () => service(chat, { migrate_to_chat_id: id });
    const fresh = () => service(moved, { migrate_from_chat_id: chat.id });
    const order = rng.chance(0.5) ? [old, fresh] : [fresh, old];
    for (const each of order) each();
    chat.movedTo = id;
    world.count('migrations');
    world.note('chat moved', { from: chat.id, to: id });
  }

  return { written, pressed, settleIn, moveOn };
}

const chatOf = (chat: Chat) =>
  chat.type === 'private'
    ? { id: chat.id, type: 'private', first_name: chat.title }
    : {
        id: chat.id,
        type: chat.type,
        title: chat.title,
        ...(chat.topics.length > 0 ? { is_forum: true } : {}),
      };
