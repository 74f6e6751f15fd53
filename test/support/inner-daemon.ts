/**
 * The whole daemon in this process, with a stepped clock, a Telegram and agents that do what the test says. The
 * database is a file that the test opens as well, as the command line would.
 */
import type { Update } from 'grammy/types';
import { onTestFinished, vi } from 'vitest';
import { type App, createApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import { databaseFile } from '../../src/db/open.ts';
import type { Task } from '../../src/db/tasks.ts';
import { createDb, type Db } from '../../src/db.ts';
import { poke } from '../../src/lib/poke.ts';
import { type NewGroup, registerGroup } from '../../src/registry.ts';
import type { PacingLimits } from '../../src/router/pacing.ts';
import { scheduleTask, type TaskInput, type TaskRules } from '../../src/tasks.ts';
import { type Group, iso } from '../../src/types.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { createScriptedAgent, type ScriptedAgent } from './scripted-agent.ts';
import { createScriptedPolling, createScriptedTelegram, type ScriptedPolling } from './scripted-telegram.ts';
import { commandText, createTestLog, messageUpdate, tempFolder } from './world.ts';

export interface TaskRunRow {
  due: string;
  state: string;
  outcome: string | null;
  reason: string | null;
  origin: string;
  attempt: number;
  missed: number;
  lateness_ms: number | null;
  error: string | null;
  delivered: number | null;
  input_tokens: number | null;
  output_tokens: number | null;
  cost_usd: number | null;
}

export class InnerDaemon {
  readonly home = tempFolder();
  readonly clock: FakeClock = createFakeClock();
  readonly agent: ScriptedAgent = createScriptedAgent();
  readonly telegram = createScriptedTelegram(() => this.clock.monotonic());
  readonly testLog = createTestLog();
  readonly db: Db = createDb(databaseFile(this.home));
  readonly rules: TaskRules = {
    db: this.db,
    now: () => this.clock.now(),
    defaultTimezone: 'UTC',
    limits: { minIntervalMs: 60_000 },
  };
  app: App | undefined;
  /** Without limits, so that no test waits for what it is not about. */
  pacing: PacingLimits = { perChatMs: 0, groupPerMinute: 10_000, overallPerSecond: 10_000 };
  /** Nor a start for others. */
  startsAtOnce = 100;
  /** Besides those that every inner daemon has. */
  settings: Record<string, string> = {};
  /** What Anna's Telegram is set to; without it, it does not say. */
  language: string | undefined;
  #polling: ScriptedPolling = createScriptedPolling();
  #updates = 0;

  constructor() {
    onTestFinished(async () => {
      await this.stop();
      await this.agent.close();
      this.db.close();
    });
  }

  register(folder: string, more: Partial<NewGroup> = {}): Group {
    const chatJid = String(-1001 - this.db.groups.all().length);
    const registry = {
      db: this.db,
      home: this.home,
      assistantName: 'Nina',
      now: () => iso(this.clock.now()),
    };
    return registerGroup(registry, { chatJid, name: folder, folder, ...more }, 'test');
  }

  add(group: Group, schedule: string, more: Partial<TaskInput> = {}): Task {
    const scheduleType = /^\d+[mhd]/.test(schedule) ? 'interval' : /^\d{4}-/.test(schedule) ? 'once' : 'cron';
    const input = { prompt: 'look at the weather', scheduleType, scheduleValue: schedule, ...more } as const;
    return scheduleTask(this.rules, group, input, 'test');
  }

  /** `ready` false: agents cannot run yet. */
  async start({ ready = true } = {}): Promise<void> {
    this.#polling = createScriptedPolling();
    const config = loadConfig({
      NANOCLAW_HOME: this.home,
      HTTP_PORT: '0',
      TELEGRAM_BOT_TOKEN: '7100000042:AAE-not-used-by-anybody',
      CONTAINER_RUNTIME: 'process',
      TZ: 'UTC',
      ...this.settings,
    });
    this.app = createApp(config, this.testLog.log, {
      clock: this.clock,
      telegram: { ...this.telegram, ...this.#polling.telegram },
      runtime: this.agent.runtime,
      // They write to the database twice a minute, and these clocks run for weeks.
      watchdogs: false,
      pacing: this.pacing,
      startsAtOnce: this.startsAtOnce,
    });
    await this.app.start();
    await this.until(() => this.app?.status().runtime.ready === ready && this.#polling.polls.length > 0);
  }

  /** Moves the clock on for as long as the stop takes. */
  async stop(): Promise<void> {
    const app = this.app;
    this.app = undefined;
    const stopping = { over: false };
    const stopped = app?.stop().finally(() => {
      stopping.over = true;
    });
    while (app && !stopping.over) await this.clock.advance(100);
    await stopped;
  }

  /** Moves no clock; lets through what is due now, file events included, until it is so. */
  async until<T>(look: () => T): Promise<T> {
    return (await vi.waitUntil(
      async () => {
        await this.clock.advance(0);
        return look();
      },
      { timeout: 10_000, interval: 2 },
    )) as T;
  }

  /** Every poll fails from now on, the one in flight too, or none any more. */
  cutPolls(error: Error | null): void {
    this.#polling.cut = error;
    if (error) this.#polling.polls.at(-1)?.fail(error);
  }

  /** As the command line does after it has changed the database. */
  poke(): void {
    poke(this.home);
  }

  /** Anna says this, and it is stored; returns the message's id. */
  async say(
    group: Group,
    text: string,
    replyTo?: number,
    more: Record<string, unknown> = {},
  ): Promise<number> {
    this.#updates += 1;
    const said = text.startsWith('/') ? commandText(text) : { text };
    const chat = Number(group.chatJid);
    const quoted = { message_id: replyTo, date: 0, chat: { id: chat, type: 'group' } };
    const anna = { id: 1001, is_bot: false, first_name: 'Anna' };
    const from = this.language === undefined ? anna : { ...anna, language_code: this.language };
    const about = { from, ...(replyTo === undefined ? {} : { reply_to_message: quoted }), ...more };
    const update: Update = messageUpdate(this.#updates, { chat, ...said, more: about });
    await this.offer([update]);
    return update.message?.message_id ?? 0;
  }

  /** Anything else that Telegram tells, and it is stored. */
  async happens(what: Record<string, unknown>): Promise<void> {
    this.#updates += 1;
    await this.offer([{ update_id: this.#updates, ...what } as Update]);
  }

  /** Answers the poll in flight with these, and waits until they are stored. */
  async offer(updates: Update[]): Promise<void> {
    const poll = await this.until(() => this.#polling.polls.at(-1));
    const count = this.#polling.polls.length;
    poll?.answer(updates);
    await this.until(() => this.#polling.polls.length > count);
  }

  /** What arrived in a group, in order; messages about a turn's progress, which are silent, are none of it. */
  told(group: Group): string[] {
    return this.telegram.arrived
      .filter(({ chatJid, silent }) => chatJid === group.chatJid && !silent)
      .map(({ text }) => text);
  }

  runs(task: Task): TaskRunRow[] {
    return this.db.sqlite
      .prepare<[string], TaskRunRow>(
        `SELECT due, state, outcome, reason, origin, attempt, missed, lateness_ms, error, delivered, input_tokens,
           output_tokens, cost_usd FROM task_runs WHERE task_id = ? ORDER BY due`,
      )
      .all(task.id);
  }

  task(task: Task): Task {
    const now = this.db.tasks.byId(task.id);
    if (!now) throw new Error(`no task ${task.id}`);
    return now;
  }
}
