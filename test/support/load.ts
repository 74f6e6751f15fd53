/**
 * People who write to a daemon that is made to fail, and the account afterwards. Each thing that is said bears a word of
 * its own, so that it can be found again: in the messages table, in the turns, in the outbox, in what the agent wrote
 * down, and in the chat. What people wrote is compared with what they got:
 *   lost       said, and neither answered nor told that it could not be
 *   repeated   more than once without the mark ↻, or more than once with it
 *   open       without a disposition, a turn that has not ended, an outbox row that is neither sent nor told
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { databaseFile } from '../../src/db/open.ts';
import { createDb } from '../../src/db.ts';
import { REPEAT_MARK } from '../../src/format.ts';
import type { SimMessage } from '../../src/simulator/types.ts';
import { scheduleTask } from '../../src/tasks.ts';
import { chatJid } from '../../src/types.ts';
import { type BotApi, type Settings, startBotApi, TestHome } from './daemon.ts';
import { seeded } from './random.ts';

/**
 * echo: a question and a reply. topic: the same in a topic. say, file: the agent sends something by a tool, and replies.
 * attach: a question with a file. remember: it writes a file. remind: it makes a task that comes due soon. edit: a question that is changed at once.
 * late: a remark that an edit makes a question. context: a remark. ping: a command for the daemon itself. Besides, only where asked for:
 * react: the agent reacts to the question. slow: its turn takes so long that a message shows how it goes. ask: the agent asks people, and
 * nobody answers within the second that it waits.
 */
export const KINDS = [
  'echo',
  'topic',
  'say',
  'file',
  'attach',
  'remember',
  'remind',
  'edit',
  'late',
  'context',
  'ping',
] as const;
export type Kind = (typeof KINDS)[number] | 'react' | 'slow' | 'ask';

interface Group {
  chat: number;
  folder: string;
  topics: number[];
}

interface Said {
  kind: Kind;
  word: string;
  group: Group;
  messageId: number;
  threadId: number | undefined;
}

export interface Account {
  /** Empty when all is as promised. */
  problems: string[];
  figures: {
    messages: number;
    answers: number;
    /** Marked ↻. */
    repeats: number;
    /** Nobody knows whether they arrived, and the chat was told so. */
    told: number;
    turns: number;
    /** Turns that were begun again. */
    again: number;
    taskRuns: number;
    commands: number;
  };
}

const NOTICE = /may not have arrived/;
const OPEN = `SELECT
  (SELECT count(*) FROM messages WHERE disposition IS NULL) +
  (SELECT count(*) FROM turns WHERE state IN ('queued', 'running')) +
  (SELECT count(*) FROM outbox WHERE state NOT IN ('sent', 'failed')) +
  (SELECT count(*) FROM attachments WHERE state = 'pending') +
  (SELECT count(*) FROM task_runs WHERE state <> 'finished') +
  (SELECT count(*) FROM reactions WHERE open = 1 OR working = 1) +
  (SELECT count(*) FROM progress_messages) +
  (SELECT count(*) FROM agent_questions WHERE owed = 1 OR wait_until IS NOT NULL) +
  (SELECT count(*) FROM ipc_commands WHERE outcome = 'waiting') +
  (SELECT count(*) FROM scheduled_tasks WHERE schedule_type = 'once' AND status = 'active') AS open,
  (SELECT count(*) FROM messages WHERE is_bot_message = 0 AND disposition IS NOT 'service') AS stored`;

export class Load {
  readonly api: BotApi;
  readonly home: TestHome;
  readonly groups: Group[] = [];
  readonly random: () => number;
  readonly #said: Said[] = [];
  readonly #ticking: Group[] = [];

  private constructor(api: BotApi, settings: Settings, seed: number) {
    this.api = api;
    this.random = seeded(seed);
    this.home = new TestHome({ ...api.settings, TASK_MIN_INTERVAL: '1000', ...settings });
  }

  /** So many groups, every third with topics, registered unless `registered` is false. */
  static async create(options: {
    groups: number;
    seed?: number;
    settings?: Settings;
    registered?: boolean;
  }): Promise<Load> {
    const settings = { CONTAINER_RUNTIME: 'process', ...options.settings };
    const load = new Load(await startBotApi({ ledgerLimit: 100_000 }), settings, options.seed ?? 1);
    for (let n = 0; n < options.groups; n += 1) load.#addGroup(n);
    if (options.registered !== false) load.register();
    return load;
  }

  #addGroup(n: number): void {
    const { sim } = this.api;
    const members = ['you', 'anna'];
    const chat = -1_005_000_000_000 - n;
    sim.addChat({ id: chat, type: 'supergroup', title: `Group ${n}`, members });
    const topics =
      n % 3 === 0 ? ['One', 'Two'].map((name) => sim.createTopic(chat, name, 'you').threadId) : [];
    this.groups.push({ chat, folder: `g-${n}`, topics });
  }

  /** Every second one shows by a reaction what is worked on. */
  register(): void {
    this.home.registerAll(
      this.groups.map(({ chat, folder }) => ({ chatJid: String(chat), name: folder, folder })),
    );
    const db = createDb(databaseFile(this.home.dir));
    for (const [n, group] of db.groups.all().entries())
      if (n % 2 === 0) db.groups.update({ ...group, reactions: 'on' });
    db.close();
  }

  /** A task of this group that is due every so often; before the daemon starts. */
  tick(group: Group, every: string): void {
    const db = createDb(databaseFile(this.home.dir));
    try {
      const registered = db.groups.byJid(chatJid(group.chat));
      if (!registered) throw new Error(`${group.folder} is not registered`);
      const rules = { db, now: Date.now, defaultTimezone: 'UTC', limits: { minIntervalMs: 1000 } };
      const input = { prompt: 'say tick-tock', scheduleType: 'interval', scheduleValue: every } as const;
      scheduleTask(rules, registered, input, 'test');
    } finally {
      db.close();
    }
    this.#ticking.push(group);
  }

  /** No more of it; while a daemon runs. */
  async stopTicking(): Promise<void> {
    const tasks = this.home.rows<{ id: string }>(
      "SELECT id FROM scheduled_tasks WHERE status = 'active' AND schedule_type = 'interval'",
    );
    for (const { id } of tasks) {
      const { code, stderr } = await this.home.nanoclaw('tasks', 'cancel', id);
      if (code !== 0) throw new Error(`tasks cancel: ${stderr}`);
    }
  }

  pick<T>(from: readonly T[]): T {
    const found = from[Math.floor(this.random() * from.length)];
    if (found === undefined) throw new Error('nothing to pick from');
    return found;
  }

  /** Somebody says something of that kind. */
  say(kind: Kind = this.pick(KINDS), group: Group = this.pick(this.groups)): void {
    const word = `word-${this.#said.length}-end`;
    const threadId = kind === 'topic' && group.topics.length > 0 ? this.pick(group.topics) : undefined;
    const where = { chat: group.chat, from: this.pick(['you', 'anna']), ...(threadId ? { threadId } : {}) };
    const text: Record<Kind, string> = {
      echo: `@Nina ${word}`,
      topic: `@Nina ${word}`,
      say: `@Nina say ${word}`,
      file: `@Nina send file ${word}.txt with text ${word}`,
      attach: `@Nina ${word}`,
      remember: `@Nina remember that ${word}`,
      remind: `@Nina remind me in 5 seconds to ${word}`,
      edit: `@Nina ${word} and more`,
      late: `only ${word}`,
      context: `only ${word}`,
      ping: '/ping',
      react: '@Nina react 👍',
      slow: '@Nina slow 2',
      ask: `@Nina ask us for 1 second: ${word}? Yes, No`,
    };
    const file = { kind: 'document', name: `${word}.bin`, bytes: attachedBytes(word) } as const;
    const { message_id: messageId } = this.api.sim.say({
      ...where,
      ...(kind === 'attach' ? { caption: text[kind], file } : { text: text[kind] }),
    });
    if (kind === 'edit' || kind === 'late')
      this.api.sim.edit({ chat: group.chat, messageId, text: `@Nina ${word} after all` });
    this.#said.push({ kind, word, group, messageId, threadId });
  }

  /** Until nothing is owed to anybody any more. */
  settled(limitMs = 60_000): Promise<unknown> {
    return this.home.until(
      () => {
        const row = this.home.row<{ open: number; stored: number }>(OPEN);
        return row?.open === 0 && row.stored >= this.#said.length;
      },
      'everything to be settled',
      limitMs,
    );
  }

  account(): Account {
    const problems: string[] = [];
    const bad = (what: string) => void problems.push(what);
    const failed = this.home.rows<{ text: string; file_path: string | null; repeated: number }>(
      "SELECT text, file_path, repeated FROM outbox WHERE state = 'failed'",
    );
    for (const { text, repeated } of failed) if (repeated !== 1) bad(`given up without a repeat: ${text}`);
    const told = failed.filter(({ text }) => !NOTICE.test(text));
    const notices = this.home.row<{ n: number }>(
      "SELECT count(*) AS n FROM outbox WHERE text LIKE '%may not have arrived%'",
    );
    if (notices?.n !== told.length) bad(`${told.length} given up, ${notices?.n} notices`);
    const givenUp = told.map(({ text, file_path: file }) => `${text} ${file ?? ''}`).join('\n');

    for (const said of this.#said) this.#judge(said, givenUp, bad);
    for (const group of this.groups) this.#order(group, givenUp, bad);
    for (const { chat, folder } of this.groups)
      for (const messageId of this.api.sim.world.chats.get(chat)?.reactions.keys() ?? [])
        if (this.#reaction(chat, messageId) === '👀') bad(`👀 is left in ${folder}, message ${messageId}`);
    for (const group of this.#ticking) this.#ticks(group, bad);
    this.#rows(bad);

    const all = this.groups.flatMap(({ chat }) => this.#seen(chat));
    const count = (sql: string) => this.home.row<{ n: number }>(sql)?.n ?? 0;
    return {
      problems,
      figures: {
        messages: this.#said.length,
        answers: all.length,
        repeats: all.filter(({ text }) => text.startsWith(REPEAT_MARK)).length,
        told: told.length,
        turns: count("SELECT count(*) AS n FROM turns WHERE state = 'done'"),
        again: count("SELECT count(*) AS n FROM turns WHERE state = 'retried'"),
        taskRuns: count("SELECT count(*) AS n FROM task_runs WHERE outcome = 'ok'"),
        commands: count('SELECT count(*) AS n FROM ipc_commands'),
      },
    };
  }

  /** What the bot has written into a chat, oldest first. */
  #seen(chat: number): { text: string; threadId: number | undefined }[] {
    const messages = [...(this.api.sim.world.chats.get(chat)?.messages.values() ?? [])];
    return messages
      .filter((message) => message.from.is_bot)
      .map((message) => ({
        text: textOf(message),
        threadId: message.is_topic_message ? message.message_thread_id : undefined,
      }));
  }

  #judge(said: Said, givenUp: string, bad: (what: string) => void): void {
    const { kind, word, group, messageId, threadId } = said;
    const name = `${kind} ${word} in ${group.folder}`;
    const row = this.home.row<{ disposition: string | null; turn_id: string | null; state: string | null }>(
      `SELECT m.disposition, m.turn_id, t.state FROM messages m LEFT JOIN turns t ON t.id = m.turn_id
       WHERE m.chat_jid = ? AND m.message_id = ?`,
      String(group.chat),
      messageId,
    );
    const expected = kind === 'context' ? 'not_for_nina' : kind === 'ping' ? 'host_command' : 'answered';
    if (!row) return bad(`${name}: not stored`);
    if (row.disposition !== expected) bad(`${name}: ${row.disposition ?? 'no disposition'}`);
    if (expected === 'answered' && row.state !== 'done') bad(`${name}: its turn is ${row.state}`);
    if (kind === 'remember') {
      const memory = this.home.file('groups', group.folder, 'MEMORY.md');
      if (!existsSync(memory) || !this.home.read('groups', group.folder, 'MEMORY.md').includes(word))
        bad(`${name}: not remembered`);
    }
    if (kind === 'attach') this.#judgeFile(name, said, bad);
    if (kind === 'react') {
      const shown = this.#reaction(group.chat, messageId);
      if (shown !== '👍') bad(`${name}: shows ${shown}`);
    }
    if (['remember', 'context', 'ping', 'react', 'slow'].includes(kind)) return;

    const mark = kind === 'remind' ? `⏰ ${word}` : word;
    const found = this.#seen(group.chat).filter(({ text }) => text.includes(mark));
    const repeats = found.filter(({ text }) => text.startsWith(REPEAT_MARK));
    if (found.length - repeats.length > 1) bad(`${name}: repeated without a mark`);
    if (repeats.length > 1) bad(`${name}: repeated ${repeats.length} times`);
    if (found.length === 0 && !givenUp.includes(mark)) bad(`${name}: LOST`);
    for (const each of found)
      if (each.threadId !== threadId) bad(`${name}: answered in topic ${each.threadId}, not ${threadId}`);
  }

  /** Nina's, as people see it. */
  #reaction(chat: number, messageId: number): string | undefined {
    const { world } = this.api.sim;
    return world.chats.get(chat)?.reactions.get(messageId)?.get(world.bot.id)?.join();
  }

  /** It lies in the group's folder, whole, once. */
  #judgeFile(name: string, { word, group }: Said, bad: (what: string) => void): void {
    const folder = this.home.file('groups', group.folder, 'attachments');
    const names = existsSync(folder) ? readdirSync(folder).filter((each) => each.includes(word)) : [];
    if (names.length !== 1) bad(`${name}: ${names.length} files`);
    for (const each of names)
      if (!readFileSync(path.join(folder, each)).equals(attachedBytes(word))) bad(`${name}: not whole`);
  }

  /** What was asked first in a place is answered first. */
  #order(group: Group, givenUp: string, bad: (what: string) => void): void {
    for (const threadId of [undefined, ...group.topics]) {
      const asked = this.#said.filter(
        (said) =>
          (said.kind === 'echo' || said.kind === 'topic') &&
          said.group === group &&
          said.threadId === threadId &&
          !givenUp.includes(said.word),
      );
      const text = this.#seen(group.chat)
        .map((each) => each.text)
        .join('\n');
      const at = asked.map(({ word }) => text.indexOf(word)).filter((place) => place >= 0);
      if (at.some((place, n) => n > 0 && place < (at[n - 1] ?? 0)))
        bad(`${group.folder}: answers are out of order`);
    }
  }

  /** A run that went well has written once, unless its send was cut off. */
  #ticks(group: Group, bad: (what: string) => void): void {
    const ok = this.home.row<{ n: number }>(
      `SELECT count(*) AS n FROM task_runs r JOIN scheduled_tasks s ON s.id = r.task_id
       WHERE s.schedule_type = 'interval' AND r.chat_jid = ? AND r.outcome = 'ok'`,
      String(group.chat),
    )?.n;
    const lost = this.home.row<{ n: number }>(
      "SELECT count(*) AS n FROM outbox WHERE chat_jid = ? AND state = 'failed' AND text = 'tick-tock'",
      String(group.chat),
    )?.n;
    const ticks = this.#seen(group.chat).filter(({ text }) => text.endsWith('tick-tock'));
    const unmarked = ticks.filter(({ text }) => !text.startsWith(REPEAT_MARK)).length;
    if (unmarked > (ok ?? 0)) bad(`${group.folder}: ${unmarked} unmarked answers of ${ok} runs`);
    if (ticks.length < (ok ?? 0) - (lost ?? 0)) bad(`${group.folder}: ${ticks.length} answers of ${ok} runs`);
  }

  #rows(bad: (what: string) => void): void {
    const none = (what: string, sql: string) => {
      const rows = this.home.rows(sql);
      if (rows.length > 0) bad(`${what}: ${JSON.stringify(rows.slice(0, 3))}`);
    };
    none(
      'messages without a disposition',
      'SELECT chat_jid, message_id FROM messages WHERE disposition IS NULL',
    );
    none('turns that have not ended', "SELECT id FROM turns WHERE state IN ('queued', 'running')");
    none('replies that wait', "SELECT id, state FROM outbox WHERE state NOT IN ('sent', 'failed')");
    none('runs that have not ended', "SELECT id FROM task_runs WHERE state <> 'finished'");
    none(
      'runs that went badly',
      "SELECT id, outcome, reason, error FROM task_runs WHERE outcome NOT IN ('ok', 'skipped')",
    );
    none('turns that failed', "SELECT id, error_code, error FROM turns WHERE state IN ('failed', 'stopped')");
  }

  async dispose(): Promise<void> {
    await this.home.dispose();
    await this.api.close();
  }
}

const attachedBytes = (word: string): Buffer => Buffer.alloc(40_000, word);

const textOf = (message: SimMessage): string =>
  [message.text ?? message.caption ?? '', message.document?.file_name ?? ''].filter(Boolean).join(' ');
