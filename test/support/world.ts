/**
 * What the tests of the core stand on: a home in a temp folder with a real database, a stepped clock, a log that can
 * be read, and short ways to say "a registered group" and "an update". Everything goes with the test that made it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Message, MessageEntity, Update } from 'grammy/types';
import pino from 'pino';
import { onTestFinished } from 'vitest';
import { databaseFile } from '../../src/db/open.ts';
import { createDb, type Db } from '../../src/db.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { type Logger, silentLogger } from '../../src/log.ts';
import { type NewGroup, type RegistryOptions, registerGroup } from '../../src/registry.ts';
import type { Admins } from '../../src/router/admins.ts';
import { createPeople } from '../../src/router/people.ts';
import { createRequestLimits } from '../../src/router/request-limits.ts';
import { createRouter, type Router, type RouterOptions } from '../../src/router.ts';
import { senderRulesFile, watchSenderRules } from '../../src/sender-rules.ts';
import type { BotIdentity } from '../../src/telegram/api.ts';
import { type ChatJid, type Group, iso, type NewMessage, type Seq } from '../../src/types.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';

export const BOT: BotIdentity = { id: 4242, username: 'nina_bot', name: 'Nina', readsAllMessages: true };
export const FAMILY = -1001;

/** A folder that is removed when the test ends. */
export function tempFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'nanoclaw-core-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface World {
  home: string;
  clock: FakeClock;
  db: Db;
  registry: RegistryOptions;
  register(more?: Partial<NewGroup>): Group;
}

export function createWorld(): World {
  const home = tempFolder();
  const clock = createFakeClock();
  const db = createDb(databaseFile(home));
  // Nobody pulls the plug in these tests, and to wait for the disk is what takes their time.
  db.sqlite.pragma('synchronous = OFF');
  onTestFinished(() => db.close());
  const registry: RegistryOptions = { db, home, assistantName: 'Nina', now: () => iso(clock.now()) };
  return {
    home,
    clock,
    db,
    registry,
    register: (more = {}) =>
      registerGroup(registry, { chatJid: String(FAMILY), name: 'Family', folder: 'family', ...more }, 'test'),
  };
}

/** What a router needs to know of people: the rules of a file in the home, which is not there until a test writes it. */
export function peopleOf(
  { home, clock }: Pick<World, 'home' | 'clock'>,
  admins?: Admins,
  most: { perSender: number; perGroup: number } = { perSender: 0, perGroup: 0 },
): Pick<RouterOptions, 'people' | 'limits' | 'maxFileBytes' | 'filesCame'> {
  return {
    maxFileBytes: 20 * 1_048_576,
    filesCame: () => {},
    people: createPeople(rulesOf(home), admins ?? { includes: () => false }),
    limits: createRequestLimits({ clock, ...most }),
  };
}

/** A router that wakes nobody and lets everybody in, but for what a test says otherwise. */
export const routerOf = (world: World, more: Partial<RouterOptions> = {}): Router =>
  createRouter({
    db: world.db,
    clock: world.clock,
    log: silentLogger(),
    assistantName: 'Nina',
    wakeQueue: () => {},
    wakeDelivery: () => {},
    wakeAnswers: () => {},
    wakeAsked: () => {},
    random: systemRandom,
    chatMoved: () => {},
    judgeRuns: () => {},
    heardPaused: () => {},
    chatsChanged: () => {},
    tasksChanged: () => {},
    stopTurn: () => {},
    turnIsOver: () => {},
    allowancesChanged: () => {},
    tasks: { db: world.db, now: () => world.clock.now(), defaultTimezone: 'UTC' },
    registry: world.registry,
    ...peopleOf(world),
    describe: () => 'all is well',
    ...more,
  });

export const rulesOf = (home: string) => watchSenderRules(senderRulesFile(home));

export interface LogLine {
  event?: string;
  msg?: string;
  level: number;
  [key: string]: unknown;
}

/** A log that a test can look at. */
export function createTestLog(): { log: Logger; lines: LogLine[]; events: (name: string) => LogLine[] } {
  const lines: LogLine[] = [];
  const log = pino(
    { level: 'trace', serializers: { err: pino.stdSerializers.err } },
    { write: (line: string) => void lines.push(JSON.parse(line) as LogLine) },
  );
  return { log, lines, events: (name) => lines.filter((line) => line.event === name) };
}

// ---------------------------------------------------------------- updates

export interface Said {
  chat?: number;
  messageId?: number;
  text?: string;
  /** Seconds since the epoch. */
  date?: number;
  entities?: MessageEntity[];
  /** Anything else that Telegram puts into a message. */
  more?: Record<string, unknown>;
}

/** A message of Anna's as Telegram sends it. */
export function telegramMessage(said: Said): Message {
  const chat = said.chat ?? FAMILY;
  return {
    message_id: said.messageId ?? 1,
    date: said.date ?? 1_793_606_400,
    chat:
      chat > 0
        ? { id: chat, type: 'private', first_name: 'Anna' }
        : { id: chat, type: 'supergroup', title: 'Family' },
    from: { id: 1001, is_bot: false, first_name: 'Anna' },
    ...(said.text === undefined ? {} : { text: said.text }),
    ...(said.entities === undefined ? {} : { entities: said.entities }),
    ...said.more,
  } as Message;
}

export const messageUpdate = (updateId: number, said: Said): Update =>
  ({ update_id: updateId, message: telegramMessage({ messageId: updateId, ...said }) }) as Update;

export const editUpdate = (updateId: number, said: Said): Update =>
  ({
    update_id: updateId,
    edited_message: { ...telegramMessage(said), edit_date: (said.date ?? 1_793_606_400) + 60 },
  }) as Update;

/** A /command as Telegram marks it. */
export const commandText = (text: string): Pick<Said, 'text' | 'entities'> => ({
  text,
  entities: [{ type: 'bot_command', offset: 0, length: /^\S+/.exec(text)?.[0].length ?? 0 }],
});

// ---------------------------------------------------------------- rows

/** Stores a message as the router would. `disposition` null: meant for Nina. */
export function storeMessage(db: Db, jid: ChatJid, messageId: number, more: Partial<NewMessage> = {}): Seq {
  const at = iso(1_793_606_400_000 + messageId);
  const seq = db.messages.insert({
    chatJid: jid,
    messageId,
    threadId: null,
    sender: '1001',
    senderName: 'Anna',
    content: `message ${messageId}`,
    timestamp: at,
    isBotMessage: false,
    turnId: null,
    disposition: null,
    reason: null,
    triggerKind: 'mention',
    request: null,
    replyTo: null,
    forwardedFrom: null,
    receivedAt: at,
    ...more,
  });
  if (seq === null) throw new Error(`message ${messageId} is there already`);
  return seq;
}

export interface MessageRow {
  message_id: number;
  content: string;
  disposition: string | null;
  turn_id: string | null;
  trigger_kind: string | null;
  request: string | null;
  edited_content: string | null;
}

export const messageRows = (db: Db, jid: string): MessageRow[] =>
  db.sqlite
    .prepare<[string], MessageRow>(
      `SELECT message_id, content, disposition, turn_id, trigger_kind, request, edited_content
       FROM messages WHERE chat_jid = ? ORDER BY seq`,
    )
    .all(jid);

export interface OutboxRow {
  id: number;
  chat_jid: string;
  text: string;
  state: string;
  attempts: number;
  error: string | null;
  sent_message_id: number | null;
}

export const outboxRows = (db: Db): OutboxRow[] =>
  db.sqlite
    .prepare<[], OutboxRow>(
      'SELECT id, chat_jid, text, state, attempts, error, sent_message_id FROM outbox ORDER BY id',
    )
    .all();
