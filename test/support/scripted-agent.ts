/**
 * A runtime whose agents do what the test says: they take turns from the real mailbox and leave real events there, but
 * are no processes. For what a daemon makes of a turn's end, whatever that end is.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, watch, writeFileSync } from 'node:fs';
import path from 'node:path';
import { COMMAND_DIRECTORY, type CommandType } from '../../src/protocol/commands.ts';
import {
  type AgentErrorCode,
  type AgentEvent,
  type Context,
  eventFileName,
  MAILBOX,
  PROTOCOL_VERSION,
  type TurnFile,
  turnFileSchema,
  type Usage,
} from '../../src/protocol.ts';
import type {
  AgentContainer,
  AgentExit,
  AgentLaunch,
  AgentRuntime,
} from '../../src/runtime/agent-runtime.ts';

/** How a turn ends. Without anything: well, and with nothing to say. */
export interface Answer {
  text?: string;
  session?: string;
  status?: 'ok' | 'error' | 'interrupted';
  error?: { code: AgentErrorCode; message: string; resets_at?: string };
  gated?: boolean;
  scripted?: boolean;
  mcp?: { name: string; problem: string | null }[];
  usage?: Usage;
  context?: Context;
}

export type EventBody = AgentEvent extends infer E
  ? E extends AgentEvent
    ? Omit<E, 'protocol' | 'turn' | 'n'>
    : never
  : never;

export interface ScriptedAgent {
  runtime: AgentRuntime;
  /** Every turn that an agent was given, in order. */
  readonly turns: TurnFile[];
  /** Decides about the next turns; `hold` leaves one open for finish(). */
  answer: (turn: TurnFile) => Answer | 'hold';
  finish(turn: TurnFile | undefined, answer?: Answer): void;
  /** An event of a turn that is held open. */
  event(turn: TurnFile | undefined, body: EventBody): void;
  /** Ends every agent. */
  close(): Promise<void>;
  /** A command of the agent's, left in its mailbox while it works. */
  command(turn: TurnFile, command: Record<string, unknown>): void;
}

export const failing: Answer = { status: 'error', error: { code: 'agent', message: 'as the test says' } };

export function createScriptedAgent(): ScriptedAgent {
  const living = new Map<string, AgentContainer>();
  const mailboxes = new Map<string, string>();
  /** Of the last event of each turn. */
  const numbers = new Map<string, number>();
  const agent: ScriptedAgent = {
    turns: [],
    answer: () => ({ text: 'done' }),
    runtime: {
      name: 'process',
      prepare: async () => {},
      launch: async (launch) => start(launch),
      list: async () => [...living.values()],
      memoryOf: async () => null,
      networkEnforcement: () => ({ enforced: true, reason: null }),
      close: async () => {},
    },
    finish,
    event,
    async close() {
      for (const container of living.values()) await container.remove();
    },
    command(turn, command) {
      const mailbox = mailboxes.get(turn.container) ?? '';
      const directory = MAILBOX[COMMAND_DIRECTORY[command.type as CommandType] ?? 'tasks'];
      put(mailbox, `${directory}/${String(command.id)}.json`, command);
    },
  };

  function start(launch: AgentLaunch): AgentContainer {
    const { mailboxDir, name, folder } = launch;
    const turnsDir = path.join(mailboxDir, MAILBOX.turns);
    const seen = new Set<string>();
    for (const directory of Object.values(MAILBOX))
      mkdirSync(path.join(mailboxDir, directory), { recursive: true });
    mailboxes.set(name, mailboxDir);
    const look = () => {
      for (const file of readdirSync(turnsDir).filter((each) => !seen.has(each))) {
        seen.add(file);
        const turn = turnFileSchema.parse(JSON.parse(readFileSync(path.join(turnsDir, file), 'utf8')));
        if (turn.container !== name) continue;
        agent.turns.push(turn);
        const answer = agent.answer(turn);
        if (answer !== 'hold') finish(turn, answer);
      }
    };
    const watcher = watch(turnsDir, look);
    look();
    const { promise: exited, resolve } = Promise.withResolvers<AgentExit>();
    const container: AgentContainer = {
      name,
      id: name,
      folder,
      exited,
      async remove() {
        watcher.close();
        living.delete(name);
        resolve({ code: 0, oomKilled: false, lastOutput: '' });
      },
    };
    living.set(name, container);
    return container;
  }

  function finish(turn: TurnFile | undefined, answer: Answer = {}): void {
    if (!turn) throw new Error('no such turn');
    const { text, session, status = 'ok', error, gated, scripted, usage, context, mcp } = answer;
    const bodies: EventBody[] = [
      ...(numbers.has(turn.id) ? [] : [{ type: 'turn_started' as const }]),
      ...(session === undefined ? [] : [{ type: 'session' as const, session_id: session, fresh: false }]),
      ...(text === undefined ? [] : [{ type: 'text' as const, text }]),
      {
        type: 'turn_finished',
        status,
        ...(error === undefined ? {} : { error }),
        ...(gated === undefined ? {} : { gated }),
        ...(scripted === undefined ? {} : { scripted }),
        ...(usage === undefined ? {} : { usage }),
        ...(context === undefined ? {} : { context }),
        ...(mcp === undefined ? {} : { mcp }),
      },
    ];
    for (const body of bodies) event(turn, body);
  }

  function event(turn: TurnFile | undefined, body: EventBody): void {
    if (!turn) throw new Error('no such turn');
    const n = (numbers.get(turn.id) ?? 0) + 1;
    numbers.set(turn.id, n);
    const content = { protocol: PROTOCOL_VERSION, turn: turn.id, n, ...body };
    put(mailboxes.get(turn.container) ?? '', `${MAILBOX.events}/${eventFileName(turn.id, n)}`, content);
  }

  return agent;
}

function put(mailbox: string, name: string, content: unknown): void {
  const staged = path.join(mailbox, MAILBOX.staging, path.basename(name));
  writeFileSync(staged, JSON.stringify(content));
  renameSync(staged, path.join(mailbox, name));
}
