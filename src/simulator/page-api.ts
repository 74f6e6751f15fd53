/** What the page (and `nanoclaw chat`) can ask for: the state of the world as JSON, and the things people do. */
import { z } from 'zod';
import { imageSize } from '../lib/image-size.ts';
import { SimRefusal } from './api-error.ts';
import type { Memberships } from './memberships.ts';
import { commandsIn } from './methods/bot.ts';
import type { MethodContext } from './methods/context.ts';
import type { People } from './people.ts';
import { MAX_TEXT } from './text.ts';
import type { MediaKind, SimChat, SimMessage } from './types.ts';
import { isIn } from './world.ts';

const ChatRef = z.union([z.number().int(), z.string().min(1)]);
const Ref = { chat: ChatRef, messageId: z.number().int() };
const Say = z.object({
  chat: ChatRef,
  from: z.string(),
  text: z.string().max(200_000),
  replyTo: z.number().int().optional(),
  threadId: z.number().int().optional(),
});
const Upload = z.object({
  chat: z.string().min(1),
  from: z.string(),
  name: z.string().min(1).max(200),
  mime: z.string().max(100).optional(),
  caption: z.string().max(1024).optional(),
  mediaGroupId: z.string().min(1).max(64).optional(),
  replyTo: z.coerce.number().int().optional(),
  threadId: z.coerce.number().int().optional(),
});

const ACTIONS = {
  edit: z.object({ ...Ref, text: z.string() }),
  delete: z.object(Ref),
  react: z.object({ ...Ref, from: z.string(), emoji: z.array(z.string().max(16)).max(3) }),
  press: z.object({ ...Ref, from: z.string(), data: z.string() }),
  topic: z.object({ chat: ChatRef, name: z.string().trim().min(1).max(128), from: z.string() }),
  bot: z.object({ chat: ChatRef, from: z.string(), status: z.enum(['member', 'administrator', 'kicked']) }),
  migrate: z.object({ chat: ChatRef }),
} as const;

export class PageApi {
  readonly #c: MethodContext;
  readonly #people: People;
  readonly #chats: Memberships;
  readonly #statusPath: string | null;

  constructor(options: {
    context: MethodContext;
    people: People;
    chats: Memberships;
    statusPath: string | null;
  }) {
    this.#c = options.context;
    this.#people = options.people;
    this.#chats = options.chats;
    this.#statusPath = options.statusPath;
  }

  /** Everything but the messages. */
  state(botPolledAt: number | undefined): unknown {
    const { world } = this.#c;
    return {
      now: this.#c.clock.now(),
      bot: world.bot,
      botPolledAt: botPolledAt ?? null,
      statusPath: this.#statusPath,
      people: [...world.people.values()],
      chats: [...world.chats.values()].map((chat) => this.chatView(chat)),
    };
  }

  chatView(chat: SimChat): unknown {
    const { world } = this.#c;
    const last = [...chat.messages.values()].at(-1);
    const members = [...world.people.values()].filter((p) => chat.members.includes(p.user.id));
    return {
      ...world.chatRef(chat),
      topics: chat.topics,
      memberKeys: members.map((p) => p.key),
      commands: Object.fromEntries(
        isIn(chat) ? members.map((p) => [p.key, commandsIn(this.#c, chat, p.user)]) : [],
      ),
      botStatus: chat.botStatus,
      botIsIn: isIn(chat),
      migratedTo: chat.migratedTo,
      last: last ?? null,
    };
  }

  /** The newest `limit` messages older than `before`, oldest first. */
  messages(query: URLSearchParams): unknown {
    const chat = this.#c.world.chat(query.get('chat') ?? '');
    const before = Number(query.get('before') ?? Number.POSITIVE_INFINITY);
    const limit = Math.min(200, Math.max(1, Number(query.get('limit') ?? 60) || 60));
    const older = [...chat.messages.values()].filter((m) => m.message_id < before);
    return {
      messages: older.slice(-limit).map((m) => this.messageView(chat, m)),
      more: older.length > limit,
    };
  }

  messageView(chat: SimChat, message: SimMessage): unknown {
    const by = [...(chat.reactions.get(message.message_id) ?? [])];
    return { ...message, reactions: by.map(([userId, emoji]) => ({ userId, emoji })) };
  }

  /** A text beyond Telegram's limit is sent as several messages, as Telegram's apps do. */
  say(body: unknown): unknown {
    const { text, replyTo, threadId, ...rest } = Say.parse(body);
    const where = { ...rest, ...(threadId === undefined ? {} : { threadId }) };
    const [first = '', ...others] = split(text.trim());
    const head = this.#people.say({ ...where, text: first, ...(replyTo === undefined ? {} : { replyTo }) });
    return { message: head, more: others.map((part) => this.#people.say({ ...where, text: part })) };
  }

  upload(query: URLSearchParams, bytes: Buffer): unknown {
    const {
      name,
      mime = 'application/octet-stream',
      replyTo,
      threadId,
      ...rest
    } = Upload.parse(Object.fromEntries(query));
    if (bytes.length === 0) throw new SimRefusal('that file is empty');
    const file = { kind: kindOf(mime, bytes), name, mime, bytes };
    const { caption, mediaGroupId, ...who } = rest;
    return this.#people.say({
      ...who,
      file,
      ...(caption ? { caption } : {}),
      ...(mediaGroupId === undefined ? {} : { mediaGroupId }),
      ...(replyTo === undefined ? {} : { replyTo }),
      ...(threadId === undefined ? {} : { threadId }),
    });
  }

  /** Carries out one of ACTIONS; undefined when there is no such action. */
  act(name: string, body: unknown): unknown {
    const people = this.#people;
    switch (name) {
      case 'say':
        return this.say(body);
      case 'edit':
        return people.edit(ACTIONS.edit.parse(body));
      case 'delete':
        people.remove(ACTIONS.delete.parse(body));
        return {};
      case 'react':
        people.react(ACTIONS.react.parse(body));
        return {};
      case 'press':
        return { id: people.pressButton(ACTIONS.press.parse(body)) };
      case 'topic': {
        const { chat, name: title, from } = ACTIONS.topic.parse(body);
        return this.#chats.createTopic(chat, title, from);
      }
      case 'bot': {
        const { chat, from, status } = ACTIONS.bot.parse(body);
        this.#chats.setBotStatus(chat, status, from);
        return {};
      }
      case 'migrate':
        return { id: this.#chats.migrateChat(ACTIONS.migrate.parse(body).chat).id };
      default:
        return undefined;
    }
  }
}

function kindOf(mime: string, bytes: Buffer): MediaKind {
  if (/^image\/(png|jpeg|webp)$/.test(mime) && imageSize(bytes)) return 'photo';
  if (mime === 'video/mp4') return 'video';
  if (mime === 'audio/ogg') return 'voice';
  return mime.startsWith('audio/') ? 'audio' : 'document';
}

/** At line ends or blanks where there is one in the second half, and never inside a character. */
function split(text: string): string[] {
  const parts: string[] = [];
  let rest = text;
  while (rest.length > MAX_TEXT) {
    const window = rest.slice(0, MAX_TEXT);
    const soft = Math.max(window.lastIndexOf('\n'), window.lastIndexOf(' '));
    let at = soft > MAX_TEXT / 2 ? soft : MAX_TEXT;
    if (/[\ud800-\udbff]$/.test(rest.slice(0, at))) at -= 1;
    parts.push(rest.slice(0, at).trimEnd());
    rest = rest.slice(at).trimStart();
  }
  return [...parts, rest];
}
