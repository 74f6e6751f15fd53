/**
 * The host's side of one mailbox for tests of the agent runner: makes the folders, puts turns and control files the
 * way the daemon does, and waits for events and commands. Files are checked against the protocol's schemas.
 * And the runner itself: as a process with the offline agent, and bundled anew with less patience.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { type Command, commandSchema } from '../../src/protocol/commands.ts';
import {
  type AgentEvent,
  type CurrentTasks,
  eventFileName,
  eventSchema,
  MAILBOX,
  PROTOCOL_VERSION,
  type TurnFile,
} from '../../src/protocol.ts';

export type EventOf<T extends AgentEvent['type']> = Extract<AgentEvent, { type: T }>;

export class AgentMailbox {
  /** Temp folder that holds everything below. */
  readonly root: string;
  readonly ipcDir: string;
  readonly groupDir: string;
  readonly globalDir: string;
  readonly homeDir: string;
  /** The container that turns are addressed to. */
  container: string;
  #control = 0;
  readonly #answered = new Set<string>();

  constructor(container = `nanoclaw-test-${randomUUID().slice(0, 8)}`) {
    this.root = mkdtempSync(join(tmpdir(), 'nanoclaw-agent-'));
    this.container = container;
    this.ipcDir = join(this.root, 'ipc');
    this.groupDir = join(this.root, 'group');
    this.globalDir = join(this.root, 'global');
    this.homeDir = join(this.root, 'home');
    for (const path of Object.values(MAILBOX)) mkdirSync(join(this.ipcDir, path), { recursive: true });
    for (const path of [this.groupDir, this.globalDir, this.homeDir]) mkdirSync(path);
  }

  /** Puts a turn; returns its id. What is left out gets a plain default. */
  turn(request: string, values: Partial<TurnFile> = {}): string {
    const id = values.id ?? randomUUID();
    const turn = {
      protocol: PROTOCOL_VERSION,
      id,
      container: this.container,
      kind: 'messages',
      attempt: 1,
      chat_jid: '-100200300',
      thread_id: null,
      group_name: 'Test group',
      is_main: false,
      assistant_name: 'Nina',
      timezone: 'Europe/Berlin',
      session_id: null,
      prompt: `<messages>\n<message sender="Ann">${request}</message>\n</messages>`,
      requests: [request],
      ...values,
    };
    this.put('turns', `${id}.json`, turn);
    return id;
  }

  interrupt(turn: string, container = this.container): void {
    this.put('control', `${++this.#control}.json`, { container, type: 'interrupt', turn });
  }

  closeAgent(container = this.container): void {
    this.put('control', `${++this.#control}.json`, { container, type: 'close' });
  }

  /** Answers a command. */
  result(id: string, result: { ok: true; detail: string } | { ok: false; reason: string }): void {
    this.put('results', `${id}.json`, { id, ...result });
  }

  /** Waits for a command that has no answer yet, and answers it. */
  async answer(
    directory: 'messages' | 'tasks',
    result: { ok: true; detail: string } | { ok: false; reason: string },
  ): Promise<Command> {
    const command = await waitFor(
      () => this.commands(directory).find(({ id }) => !this.#answered.has(id)),
      10_000,
      () => `a new command in ${directory}`,
    );
    this.#answered.add(command.id);
    this.result(command.id, result);
    return command;
  }

  /** Writes in/current_tasks.json. */
  currentTasks(tasks: CurrentTasks['tasks'] | string): void {
    const content =
      typeof tasks === 'string' ? tasks : JSON.stringify({ written_at: new Date().toISOString(), tasks });
    const staged = join(this.root, randomUUID());
    writeFileSync(staged, content);
    renameSync(staged, join(this.ipcDir, 'in/current_tasks.json'));
  }

  put(directory: 'turns' | 'control' | 'results', name: string, content: unknown): void {
    const staged = join(this.root, randomUUID());
    writeFileSync(staged, typeof content === 'string' ? content : JSON.stringify(content));
    renameSync(staged, join(this.ipcDir, MAILBOX[directory], name));
  }

  /** The events of a turn so far, in order. Throws on one that breaks the protocol or on a gap. */
  events(turn: string): AgentEvent[] {
    const names = readdirSync(join(this.ipcDir, MAILBOX.events)).filter((name) => name.startsWith(turn));
    return names.sort().map((name, index) => {
      if (name !== eventFileName(turn, index + 1)) throw new Error(`unexpected event file ${name}`);
      const content: unknown = JSON.parse(readFileSync(join(this.ipcDir, MAILBOX.events, name), 'utf8'));
      return eventSchema.parse(content);
    });
  }

  /** Waits for the end of a turn; gives all of its events. */
  async finished(
    turn: string,
    limitMs = 10_000,
  ): Promise<{ end: EventOf<'turn_finished'>; text: string; events: AgentEvent[] }> {
    const end = await this.event(turn, 'turn_finished', limitMs);
    const events = this.events(turn);
    const text = events.flatMap((event) => (event.type === 'text' ? [event.text] : [])).join('');
    return { end, text, events };
  }

  event<T extends AgentEvent['type']>(turn: string, type: T, limitMs = 10_000): Promise<EventOf<T>> {
    return waitFor(
      () => this.events(turn).find((event): event is EventOf<T> => event.type === type),
      limitMs,
      () => `${type} of turn ${turn}; so far ${JSON.stringify(this.events(turn))}`,
    );
  }

  commands(directory: 'messages' | 'tasks'): Command[] {
    const path = join(this.ipcDir, MAILBOX[directory]);
    return readdirSync(path).map((name) =>
      commandSchema.parse(JSON.parse(readFileSync(join(path, name), 'utf8'))),
    );
  }

  command(directory: 'messages' | 'tasks', limitMs = 10_000): Promise<Command> {
    return waitFor(
      () => this.commands(directory)[0],
      limitMs,
      () => `a command in ${directory}`,
    );
  }

  staged(): string[] {
    return readdirSync(join(this.ipcDir, MAILBOX.staging));
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Waits until `look` finds something. */
export async function waitFor<T>(
  look: () => T | undefined,
  limitMs: number,
  what: () => string,
  everyMs = 5,
): Promise<T> {
  const until = performance.now() + limitMs;
  while (true) {
    const found = look();
    if (found !== undefined) return found;
    if (performance.now() > until) throw new Error(`after ${limitMs} ms still waiting for ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** The runner that is delivered. */
const DELIVERED_RUNNER = fileURLToPath(new URL('../../dist/agent-runner.js', import.meta.url));
const RUN_SOURCE = fileURLToPath(new URL('../../container/agent-runner/src/run.ts', import.meta.url));

/** The agent runner as a process of this machine, with the offline agent. */
export class AgentProcess {
  readonly process: ChildProcess;
  readonly exited: Promise<number | null>;
  stderr = '';

  constructor(
    mailbox: AgentMailbox,
    variables: Record<string, string> = {},
    { uid, runner = DELIVERED_RUNNER }: { uid?: number; runner?: string } = {},
  ) {
    this.process = spawn(process.execPath, [runner], {
      cwd: mailbox.groupDir,
      stdio: ['ignore', 'ignore', 'pipe'],
      ...(uid === undefined ? {} : { uid, gid: uid }),
      env: {
        PATH: process.env.PATH,
        HOME: mailbox.homeDir,
        NANOCLAW_PROTOCOL: String(PROTOCOL_VERSION),
        NANOCLAW_CONTAINER: mailbox.container,
        NANOCLAW_PROVIDER: 'offline',
        NANOCLAW_GROUP_DIR: mailbox.groupDir,
        NANOCLAW_GLOBAL_DIR: mailbox.globalDir,
        NANOCLAW_IPC_DIR: mailbox.ipcDir,
        NANOCLAW_IDLE_EXIT_MS: '60000',
        NANOCLAW_SWEEP_MS: '60000',
        ...variables,
      },
    });
    this.process.stderr?.on('data', (data: Buffer) => {
      this.stderr += data.toString();
    });
    this.exited = new Promise((resolve) => this.process.once('exit', (code) => resolve(code)));
  }

  ready(): Promise<true> {
    return waitFor(
      () => this.stderr.includes('ready') || undefined,
      10_000,
      () => `ready; it said ${this.stderr}`,
    );
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.exited;
  }
}

export interface Patience {
  stallMs: number;
  commandTimeoutMs: number;
  scriptLimitMs: number;
  /** Where scripts run; without it in any folder, as if each were a container's. */
  scriptFolder?: string;
}

/** Bundles the runner with the patience of a test, main.ts has minutes. Gives the file. */
export async function bundleRunner(
  directory: string,
  { scriptFolder, ...limits }: Patience,
): Promise<string> {
  const entry = join(directory, 'entry.ts');
  const file = join(directory, 'agent-runner.js');
  const folder =
    scriptFolder === undefined ? "process.env.NANOCLAW_GROUP_DIR ?? ''" : JSON.stringify(scriptFolder);
  writeFileSync(
    entry,
    `import { runAgent } from ${JSON.stringify(RUN_SOURCE)};
const limits = ${JSON.stringify(limits)};
runAgent({ variables: process.env, ...limits, scriptFolder: ${folder} });
`,
  );
  const bundle = await rolldown({
    input: entry,
    platform: 'node',
    external: ['@anthropic-ai/claude-agent-sdk'],
  });
  await bundle.write({ file, format: 'esm', codeSplitting: false });
  await bundle.close();
  return file;
}
