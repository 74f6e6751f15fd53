/**
 * A real daemon for tests: `node dist/index.js` as a process of its own on a temporary home, with an environment that
 * is written here (of ours it gets PATH, nothing else). The tests see what an operator sees: the log, the database,
 * data/daemon.json, exit codes, and `bin/nanoclaw` as a process. Waiting is by file events, never by sleeping; a wait
 * that runs out says what the daemon last logged. dispose() kills by pid what is still running.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  type FSWatcher,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  watch,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { databaseFile } from '../../src/db/open.ts';
import { createDb } from '../../src/db.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { type NewGroup, registerGroup } from '../../src/registry.ts';
import {
  createSimulator,
  type Simulator,
  type SimulatorOptions,
  serveSimulator,
} from '../../src/simulator/simulator.ts';
import type { SimMessage } from '../../src/simulator/types.ts';
import { iso } from '../../src/types.ts';
import { watchRequests } from './watched-requests.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
/** For a wait; generous, since two cores run everything. */
const LIMIT_MS = 15_000;

export type Settings = Record<string, string>;

export interface LogLine {
  time: string;
  level: string;
  event?: string;
  component?: string;
  msg?: string;
  [field: string]: unknown;
}

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface CommandResult extends Ended {
  stdout: string;
  stderr: string;
}

/** A NANOCLAW_HOME in a temporary folder, with the daemons and commands that run on it. */
export class TestHome {
  readonly dir = mkdtempSync(path.join(tmpdir(), 'nanoclaw-home-'));
  /** For every daemon and command of this home. */
  readonly settings: Settings;
  /** As whom daemons and commands run from now on, for tests that run as root; undefined: as the tests. */
  uid: number | undefined;
  readonly #daemons: Daemon[] = [];

  constructor(settings: Settings = {}) {
    this.settings = settings;
    // Containers of another uid look into it through their mounts only, but a tool run as another user may not.
    chmodSync(this.dir, 0o755);
    mkdirSync(path.join(this.dir, 'data'));
  }

  file(...names: string[]): string {
    return path.join(this.dir, ...names);
  }

  read(...names: string[]): string {
    return readFileSync(this.file(...names), 'utf8');
  }

  /** Spawns a daemon and does not wait for anything. */
  spawn(settings: Settings = {}): Daemon {
    const daemon = new Daemon(this, settings);
    this.#daemons.push(daemon);
    return daemon;
  }

  /** A daemon whose agents can run. */
  async start(settings: Settings = {}): Promise<Daemon> {
    const daemon = this.spawn(settings);
    await daemon.logged('ready');
    return daemon;
  }

  /** `bin/nanoclaw …` as a process. */
  nanoclaw(...args: string[]): Promise<CommandResult> {
    return this.nanoclawWith({}, ...args);
  }

  nanoclawWith(settings: Settings, ...args: string[]): Promise<CommandResult> {
    const child = spawn(process.execPath, [path.join(ROOT, 'bin/nanoclaw'), ...args], {
      cwd: this.dir,
      env: this.environment(settings),
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(this.uid === undefined ? {} : { uid: this.uid, gid: this.uid }),
    });
    const output = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output.stderr += text;
    });
    return ended(child).then((end) => ({ ...end, ...output }));
  }

  /** As the operator would do it, while the daemon runs or not. Throws when it was refused. */
  async addGroup(chat: number, folder: string, ...more: string[]): Promise<void> {
    const args = ['groups', 'add', '--chat', String(chat), '--name', folder, '--folder', folder, ...more];
    const { code, stderr } = await this.nanoclaw(...args);
    if (code !== 0) throw new Error(`groups add failed with code ${code}: ${stderr}`);
  }

  /** Many at once and without a process for each; before the daemon starts. */
  registerAll(groups: readonly NewGroup[]): void {
    const db = createDb(databaseFile(this.dir));
    const now = () => iso(Date.now());
    try {
      for (const group of groups)
        registerGroup({ db, home: this.dir, assistantName: 'Nina', now }, group, 'test');
    } finally {
      db.close();
    }
  }

  /** A query of the database, read-only, as an operator may at any time. Nothing before the file is there. */
  rows<T = Record<string, unknown>>(sql: string, ...params: unknown[]): T[] {
    const file = databaseFile(this.dir);
    if (!existsSync(file)) return [];
    const db = new Database(file, { readonly: true, timeout: 5000 });
    try {
      return db.prepare(sql).all(...params) as T[];
    } finally {
      db.close();
    }
  }

  /** Changes the database while no daemon runs. */
  write(sql: string): void {
    const db = new Database(databaseFile(this.dir), { timeout: 5000 });
    try {
      db.exec(sql);
    } finally {
      db.close();
    }
  }

  row<T = Record<string, unknown>>(sql: string, ...params: unknown[]): T | undefined {
    return this.rows<T>(sql, ...params)[0];
  }

  /** Every whole line of nanoclaw.log. Throws on one that is not JSON. */
  log(): LogLine[] {
    const file = this.file('nanoclaw.log');
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as LogLine);
  }

  /** Looks, and again after each change in the home or its data folder (and after `also`), until it finds something. */
  until<T>(
    look: () => T | undefined | null | false,
    what: string,
    limitMs = LIMIT_MS,
    also?: Promise<unknown>,
  ): Promise<T> {
    const watchers: FSWatcher[] = [];
    const onChange = (again: () => void) => {
      also?.then(again, again);
      for (const dir of [this.dir, this.file('data')]) watchers.push(watch(dir, again));
      return () => {
        for (const watcher of watchers) watcher.close();
      };
    };
    return until(look, onChange, () => `${what}\n${this.#story()}`, limitMs);
  }

  environment(settings: Settings): Settings {
    return {
      PATH: process.env.PATH ?? '',
      TZ: 'UTC',
      NANOCLAW_HOME: this.dir,
      HTTP_PORT: '0',
      ...this.settings,
      ...settings,
    };
  }

  /** How many agents lived at the same time, at most, by the times in the database. */
  mostAgentsAtOnce(): number {
    const lives = this.rows<{ started_at: string; ended_at: string | null }>(
      'SELECT started_at, ended_at FROM containers',
    );
    const changes = lives
      .flatMap(({ started_at: start, ended_at: end }) => [
        { at: start, by: 1 },
        ...(end === null ? [] : [{ at: end, by: -1 }]),
      ])
      .sort((a, b) => a.at.localeCompare(b.at) || a.by - b.by);
    let living = 0;
    return Math.max(
      0,
      ...changes.map(({ by }) => {
        living += by;
        return living;
      }),
    );
  }

  async killAll(): Promise<void> {
    await Promise.all(this.#daemons.map((daemon) => daemon.kill('SIGKILL')));
  }

  async dispose(): Promise<void> {
    await this.killAll();
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 3 });
  }

  #story(): string {
    const lines = this.log().slice(-15);
    return ['last logged:', ...lines.map((line) => JSON.stringify(line))].join('\n');
  }
}

/** One daemon process. */
export class Daemon {
  readonly exited: Promise<Ended>;
  /** What it wrote to the terminal. */
  output = '';
  readonly #home: TestHome;
  readonly #child: ChildProcess;
  /** Lines that earlier daemons of the home wrote. */
  readonly #before: number;
  #ended: Ended | undefined;

  constructor(home: TestHome, settings: Settings) {
    this.#home = home;
    this.#before = home.log().length;
    this.#child = spawn(process.execPath, [path.join(ROOT, 'dist/index.js')], {
      cwd: home.dir,
      env: home.environment(settings),
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(home.uid === undefined ? {} : { uid: home.uid, gid: home.uid }),
    });
    const add = (text: string) => {
      this.output += text;
    };
    this.#child.stdout?.setEncoding('utf8').on('data', add);
    this.#child.stderr?.setEncoding('utf8').on('data', add);
    this.exited = ended(this.#child).then((end) => {
      this.#ended = end;
      return end;
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** What this daemon has logged. */
  log(): LogLine[] {
    return this.#home.log().slice(this.#before);
  }

  /** Waits for a line of this daemon with that event. */
  logged(
    event: string,
    accept: (line: LogLine) => boolean = () => true,
    limitMs = LIMIT_MS,
  ): Promise<LogLine> {
    return this.#home.until(
      () => {
        const found = this.log().find((line) => line.event === event && accept(line));
        if (!found && this.#ended)
          throw new Error(`it ended with ${JSON.stringify(this.#ended)} before "${event}":\n${this.output}`);
        return found;
      },
      `the log line "${event}"`,
      limitMs,
      this.exited,
    );
  }

  /** Its HTTP server, once data/daemon.json tells it. */
  url(): Promise<string> {
    return this.#home.until(() => {
      const file = this.#home.file('data/daemon.json');
      if (!existsSync(file)) return undefined;
      const info = JSON.parse(readFileSync(file, 'utf8')) as { pid: number; url: string | null };
      return info.pid === this.pid ? info.url : undefined;
    }, 'data/daemon.json');
  }

  /** Nobody reads what it writes any more, as when its terminal was closed. */
  closeTerminal(): void {
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
  }

  /** Sends the signal and waits for the end. */
  async kill(signal: NodeJS.Signals): Promise<Ended> {
    this.#child.kill(signal);
    return await this.exited;
  }
}

/** Somebody's Bot API server, which a daemon knows by its address and token only. */
export interface BotApi {
  readonly sim: Simulator;
  readonly url: string;
  /** What the daemon is given. */
  readonly settings: Settings;
  /** A group with these people; returns its id. */
  group(title: string, ...members: string[]): number;
  /** What the bot has written into a chat, oldest first. */
  answers(chat: number): string[];
  /** Presses the button whose words begin so, under the bot's last message in that chat; returns the press's id. */
  press(chat: number, label: string, from?: string): string;
  /** Says it and waits for the bot's next message in that chat. */
  ask(chat: number, text: string, limitMs?: number): Promise<string>;
  /** Looks, and again after each thing the bot does. */
  until<T>(look: () => T | undefined | null | false, what: string, limitMs?: number): Promise<T>;
  /** Rejects when a request was one that Telegram would not have taken. */
  close(): Promise<void>;
}

export async function startBotApi(options: Partial<SimulatorOptions> = {}): Promise<BotApi> {
  const token = '7100000042:AAE-a-token-that-must-never-be-logged';
  const sim = createSimulator({ token, clock: systemClock, ...options });
  const requestsWereValid = watchRequests(sim);
  const { url, close } = await serveSimulator(sim);
  let groups = 0;

  const texts = (chat: number): string[] =>
    [...(sim.world.chats.get(chat)?.messages.values() ?? [])].filter(isBots).map(textOf);
  const waiting = <T>(look: () => T | undefined | null | false, what: string, limitMs = LIMIT_MS) =>
    until(
      look,
      (again) => {
        const off = [sim.on('sent', again), sim.on('call', again)];
        return () => off.forEach((each) => void each());
      },
      () => what,
      limitMs,
    );
  return {
    sim,
    url,
    settings: { TELEGRAM_API_ROOT: url, TELEGRAM_BOT_TOKEN: sim.token },
    group(title, ...members) {
      groups += 1;
      const people = members.length > 0 ? members : ['you', 'anna'];
      return sim.addChat({ id: -5_000_000_000 - groups, type: 'group', title, members: people }).id;
    },
    answers: texts,
    press(chat, label, from = 'you') {
      const message = [...(sim.world.chats.get(chat)?.messages.values() ?? [])].filter(isBots).at(-1);
      const button = message?.reply_markup?.inline_keyboard.flat().find((b) => b.text.startsWith(label));
      if (!message || !button?.callback_data)
        throw new Error(`no button "${label}" under: ${JSON.stringify(message)}`);
      return sim.pressButton({ chat, messageId: message.message_id, from, data: button.callback_data });
    },
    async ask(chat, text, limitMs) {
      const before = texts(chat).length;
      sim.say({ chat, from: 'you', text });
      return await waiting(() => texts(chat)[before], `an answer to "${text}"`, limitMs);
    },
    until: waiting,
    async close() {
      await close();
      requestsWereValid();
    },
  };
}

const isBots = (message: SimMessage): boolean => message.from.is_bot;
const textOf = (message: SimMessage): string => message.text ?? message.caption ?? '';

async function until<T>(
  look: () => T | undefined | null | false,
  onChange: (again: () => void) => () => void,
  what: () => string,
  limitMs: number,
): Promise<T> {
  let stop = () => {};
  let timer: NodeJS.Timeout | undefined;
  let planned: NodeJS.Immediate | undefined;
  try {
    return await new Promise<T>((resolve, reject) => {
      const again = () => {
        planned = undefined;
        try {
          const found = look();
          if (found !== undefined && found !== null && found !== false) resolve(found);
        } catch (error) {
          reject(error);
        }
      };
      stop = onChange(() => {
        planned ??= setImmediate(again);
      });
      timer = setTimeout(() => reject(new Error(`after ${limitMs} ms still waiting for ${what()}`)), limitMs);
      again();
    });
  } finally {
    clearTimeout(timer);
    clearImmediate(planned);
    stop();
  }
}

function ended(child: ChildProcess): Promise<Ended> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
}
