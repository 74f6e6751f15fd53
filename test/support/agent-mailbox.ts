/**
 * The host's side of one mailbox for tests of the agent runner: makes the folders, puts turns and control files the
 * way the daemon does, and waits for events and commands. Files are checked against the protocol's schemas.
 */
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
import {
  type AgentEvent,
  type Command,
  commandSchema,
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
      gate_script: null,
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
