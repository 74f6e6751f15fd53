/**
 * What befalls a chat: it is made, people and the bot come and go, it gets a name or a topic, a group becomes a
 * supergroup. Service messages and updates come in Telegram's order. Throws SimRefusal for what cannot be done.
 */
import { SimRefusal } from './api-error.ts';
import { chatMember } from './methods/chats.ts';
import type { MethodContext } from './methods/context.ts';
import type { BotStatus, SimChat, SimChatType, SimContent, SimTopic, SimUser } from './types.ts';
import { isIn, nextTopicId, topicOf } from './world.ts';

const CLOSED = { isClosed: true } as const;

export interface NewChat {
  readonly id: number;
  readonly type: SimChatType;
  readonly title?: string;
  /** Person keys. In a private chat: the one person, whose id is the chat's. */
  readonly members: readonly string[];
  /** Default `member`; a private chat that was not started is `left`. */
  readonly botStatus?: BotStatus;
}

export class Memberships {
  readonly #c: MethodContext;

  constructor(context: MethodContext) {
    this.#c = context;
  }

  addChat(chat: NewChat): SimChat {
    const { world } = this.#c;
    const members = chat.members.map((key) => world.person(key).user.id);
    const fits = chat.type === 'private' ? chat.id > 0 && members[0] === chat.id : chat.id < 0 && chat.title;
    if (!fits)
      throw new SimRefusal("a private chat has its person's id; a group has a negative id and a title");
    const added = world.addChat({
      id: chat.id,
      type: chat.type,
      title: chat.title ?? null,
      members,
      admins: members.slice(0, chat.type === 'private' ? 0 : 1),
      botStatus: chat.botStatus ?? 'member',
    });
    this.#c.events.emit('chat', { chatId: added.id });
    return added;
  }

  addBotToChat(chat: string | number, by: string, as: 'member' | 'administrator' = 'member'): void {
    this.setBotStatus(chat, as, by);
  }

  /** Kicked from a group, or blocked in a private chat. */
  removeBotFromChat(chat: string | number, by: string): void {
    this.setBotStatus(chat, 'kicked', by);
  }

  setBotStatus(ref: string | number, status: BotStatus, by: string): void {
    const { world, updates, events } = this.#c;
    const chat = world.chat(ref);
    const actor = world.person(by).user;
    const wasIn = isIn(chat);
    const before = chatMember(world, chat, world.bot);
    if (wasIn && status === 'kicked' && chat.type !== 'private')
      world.post(chat, actor, { left_chat_member: world.bot });
    chat.botStatus = status;
    updates.push('my_chat_member', {
      chat: world.chatRef(chat),
      from: actor,
      date: world.seconds(),
      old_chat_member: before,
      new_chat_member: chatMember(world, chat, world.bot),
    });
    if (!wasIn && isIn(chat) && chat.type !== 'private')
      world.post(chat, actor, { new_chat_members: [world.bot] });
    events.emit('chat', { chatId: chat.id });
  }

  addMember(ref: string | number, key: string, by: string): void {
    const chat = this.#group(ref);
    const { user } = this.#c.world.person(key);
    if (chat.members.includes(user.id)) throw new SimRefusal(`${user.first_name} is already there`);
    chat.members.push(user.id);
    this.#c.world.post(chat, this.#c.world.person(by).user, { new_chat_members: [user] });
    this.#c.events.emit('chat', { chatId: chat.id });
  }

  removeMember(ref: string | number, key: string, by: string): void {
    const chat = this.#group(ref);
    const { user } = this.#c.world.person(key);
    chat.members = chat.members.filter((id) => id !== user.id);
    this.#c.world.post(chat, this.#c.world.person(by).user, { left_chat_member: user });
    this.#c.events.emit('chat', { chatId: chat.id });
  }

  /** Promotes or demotes; the bot is told where it is an administrator itself and asked for it. */
  setAdmin(ref: string | number, key: string, isAdmin: boolean, by: string): void {
    const { world, updates, events } = this.#c;
    const chat = this.#group(ref);
    const { user } = world.person(key);
    if (!chat.members.includes(user.id)) throw new SimRefusal(`${user.first_name} is not in that chat`);
    const before = chatMember(world, chat, user);
    chat.admins = chat.admins.filter((id) => id !== user.id);
    if (isAdmin) chat.admins.push(user.id);
    if (chat.botStatus === 'administrator')
      updates.push('chat_member', {
        chat: world.chatRef(chat),
        from: world.person(by).user,
        date: world.seconds(),
        old_chat_member: before,
        new_chat_member: chatMember(world, chat, user),
      });
    events.emit('chat', { chatId: chat.id });
  }

  rename(ref: string | number, title: string, by: string): void {
    const chat = this.#group(ref);
    chat.title = title;
    this.#c.world.post(chat, this.#c.world.person(by).user, { new_chat_title: title });
    this.#c.events.emit('chat', { chatId: chat.id });
  }

  /** A basic group becomes a supergroup: a service message on each side; the old one refuses from now on. */
  migrateChat(ref: string | number, newId?: number): SimChat {
    const { world, events } = this.#c;
    const old = world.chat(ref);
    if (old.type !== 'group' || old.migratedTo !== null)
      throw new SimRefusal('only a basic group can migrate, once');
    const id = newId ?? -(1_000_000_000_000 + Math.abs(old.id));
    const { title, members, admins, botStatus } = old;
    const added = world.addChat({
      id,
      type: 'supergroup',
      title,
      members: [...members],
      admins: [...admins],
      botStatus,
    });
    const actor: SimUser = world.user(old.admins[0] ?? 0) ?? world.bot;
    world.post(old, actor, { migrate_to_chat_id: id });
    old.migratedTo = id;
    world.post(added, actor, { migrate_from_chat_id: old.id });
    events.emit('chat', { chatId: old.id });
    events.emit('chat', { chatId: id });
    return added;
  }

  /** Topics are switched on or off. What was written in topics stays; off, there is one conversation. */
  setForum(ref: string | number, isForum: boolean): void {
    const chat = this.#c.world.chat(ref);
    if (chat.type !== 'supergroup') throw new SimRefusal('only a supergroup has topics');
    chat.isForum = isForum;
    this.#c.events.emit('chat', { chatId: chat.id });
  }

  /** Makes a supergroup a forum if it is none yet. */
  createTopic(ref: string | number, name: string, by: string): SimTopic {
    const { world, events } = this.#c;
    this.setForum(ref, true);
    const chat = world.chat(ref);
    const topic = { threadId: nextTopicId(chat), name };
    chat.nextMessageId = topic.threadId;
    chat.topics.push(topic);
    const created = { forum_topic_created: { name, icon_color: 7322096 } };
    world.post(chat, world.person(by).user, created, { threadId: topic.threadId });
    events.emit('chat', { chatId: chat.id });
    return topic;
  }

  renameTopic(ref: string | number, threadId: number, name: string, by: string): void {
    this.#changeTopic(ref, threadId, by, (topic) => ({ ...topic, name }), { forum_topic_edited: { name } });
  }

  /** From now on administrators alone write there. `null` is General. */
  closeTopic(ref: string | number, threadId: number | null, by: string): void {
    this.#changeTopic(ref, threadId, by, (topic) => ({ ...topic, isClosed: true }), {
      forum_topic_closed: {},
    });
  }

  reopenTopic(ref: string | number, threadId: number | null, by: string): void {
    this.#changeTopic(ref, threadId, by, ({ isClosed: _, ...topic }) => topic, { forum_topic_reopened: {} });
  }

  #changeTopic(
    ref: string | number,
    threadId: number | null,
    by: string,
    change: (topic: SimTopic) => SimTopic,
    service: SimContent,
  ): void {
    const { world, events } = this.#c;
    const chat = world.chat(ref);
    if (threadId !== null && !chat.topics.some((topic) => topic.threadId === threadId))
      throw new SimRefusal(`there is no topic ${threadId}`);
    const general = change({ threadId: 1, name: 'General', ...(chat.isGeneralClosed ? CLOSED : {}) });
    if (threadId === null) chat.isGeneralClosed = general.isClosed === true;
    chat.topics = chat.topics.map((topic) => (topic.threadId === threadId ? change(topic) : topic));
    world.post(chat, world.person(by).user, service, threadId === null ? {} : { threadId });
    events.emit('chat', { chatId: chat.id });
  }

  /** The topic and its messages are gone; who writes there gets "message thread not found". */
  deleteTopic(ref: string | number, threadId: number): void {
    const chat = this.#c.world.chat(ref);
    chat.topics = chat.topics.filter((t) => t.threadId !== threadId);
    const gone = [...chat.messages.values()].filter((m) => topicOf(m) === threadId);
    this.#c.world.remove(
      chat,
      gone.map((m) => m.message_id),
    );
    this.#c.events.emit('chat', { chatId: chat.id });
  }

  #group(ref: string | number): SimChat {
    const chat = this.#c.world.chat(ref);
    if (chat.type === 'private') throw new SimRefusal('a private chat has no members to change');
    return chat;
  }
}
