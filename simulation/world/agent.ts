/**
 * What runs in a container: takes the turns that name it from the real mailbox, one at a time, and leaves real events and
 * commands there. It knows nothing of daemons: it works on while none runs, and it may be slow, die, or never answer.
 */
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { groupPaths } from '../../src/mailbox/layout.ts';
import {
  controlFileSchema,
  MAILBOX,
  resultFileSchema,
  type TurnFile,
  turnFileSchema,
} from '../../src/protocol.ts';
import type { AgentExit } from '../../src/runtime/agent-runtime.ts';
import type { Daemon } from './daemon.ts';
import type { World } from './world.ts';

/** How the agents of a history are; agent-life.ts. */
export interface AgentLife {
  /** Plans a turn: what is done when, in milliseconds after the step before. */
  plan(agent: Agent, turn: TurnFile): Step[];
  /** The agent has begun this turn. */
  began(agent: Agent, turn: TurnFile): void;
  obeys(): boolean;
}

const WAIT_LIMIT_MS = 120_000;
const WAIT_LOOK_MS = 3000;

export interface Step {
  afterMs: number;
  /** It waits for this first, but not without an end: `do` is told whether it came. */
  until?: () => boolean;
  do: (hasCome: boolean) => void;
}

/** How often it looks into its mailbox without having heard of anything. */
const LOOK_MS = 60_000;

export class Agent {
  exit: AgentExit | null = null;
  turn: TurnFile | null = null;
  /** Monotonic milliseconds; infinite while it lives. */
  endedAt = Number.POSITIVE_INFINITY;
  /** Nobody has heard that it was started: its daemon was dead by then. */
  readonly isStray: boolean;
  /** Commands whose answer it has not seen yet. */
  readonly #asked = new Map<string, (ok: boolean, text: string) => void>();
  readonly watchers: { daemon: Daemon; tell: () => void }[] = [];
  readonly name: string;
  readonly folder: string;
  readonly #world: World;
  readonly #life: AgentLife;
  readonly #seen = new Set<string>();
  #events = 0;
  #files = 0;

  constructor(world: World, life: AgentLife, name: string, folder: string, isStray: boolean) {
    this.isStray = isStray;
    this.#world = world;
    this.#life = life;
    this.name = name;
    this.folder = folder;
    this.lookSoon();
    this.#lookRegularly();
  }

  get alive(): boolean {
    return this.exit === null;
  }

  get mailbox(): string {
    return groupPaths(this.#world.home, this.folder).mailbox;
  }

  #lookRegularly(): void {
    this.#world.timeline.in(
      LOOK_MS,
      () => {
        this.#look();
        this.#lookRegularly();
      },
      this,
    );
  }

  /** It hears of a change in its mailbox. */
  lookSoon(): void {
    this.#world.timeline.in(2, () => this.#look(), this);
  }

  /** It wants to know what becomes of a command. */
  await(command: string, answered: (ok: boolean, text: string) => void): void {
    this.#asked.set(command, answered);
  }

  #readAnswers(): void {
    for (const [id, answered] of this.#asked) {
      const file = path.join(this.mailbox, MAILBOX.results, `${id}.json`);
      if (!existsSync(file)) continue;
      this.#asked.delete(id);
      const result = resultFileSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
      answered(result.ok, result.ok ? result.detail : result.reason);
    }
  }

  #look(): void {
    this.#readAnswers();
    if (this.turn) {
      this.#heed(this.turn);
      return;
    }
    const directory = path.join(this.mailbox, MAILBOX.turns);
    const names = existsSync(directory) ? readdirSync(directory).sort() : [];
    for (const name of names) {
      if (this.#seen.has(name)) continue;
      const turn = turnFileSchema.parse(JSON.parse(readFileSync(path.join(directory, name), 'utf8')));
      this.#seen.add(name);
      if (turn.container !== this.name) continue;
      this.#begin(turn);
      return;
    }
  }

  #begin(turn: TurnFile): void {
    this.turn = turn;
    this.#events = 0;
    this.#life.began(this, turn);
    this.#next(turn, this.#life.plan(this, turn));
  }

  #next(turn: TurnFile, steps: Step[], waitedMs = 0): void {
    const [step, ...rest] = steps;
    if (!step) return;
    this.#world.timeline.in(
      step.afterMs,
      () => {
        if (this.turn !== turn) return; // it was interrupted
        this.#readAnswers();
        const hasCome = step.until?.() ?? true;
        if (!hasCome && waitedMs < WAIT_LIMIT_MS)
          return this.#next(turn, [{ ...step, afterMs: WAIT_LOOK_MS }, ...rest], waitedMs + WAIT_LOOK_MS);
        step.do(hasCome);
        if (this.alive) this.#next(turn, rest);
      },
      this,
    );
  }

  /** Is it asked to end its turn? */
  #heed(turn: TurnFile): void {
    const directory = path.join(this.mailbox, MAILBOX.control);
    for (const name of existsSync(directory) ? readdirSync(directory) : []) {
      const control = controlFileSchema.parse(JSON.parse(readFileSync(path.join(directory, name), 'utf8')));
      if (control.container !== this.name || control.type !== 'interrupt' || control.turn !== turn.id)
        continue;
      if (!this.#life.obeys()) continue;
      this.event(turn, { type: 'turn_finished', status: 'interrupted' });
      return;
    }
  }

  /** Leaves an event of its turn. The last one ends it. */
  event(turn: TurnFile, body: { type: string; [key: string]: unknown }): void {
    this.#events += 1;
    const number = String(this.#events).padStart(6, '0');
    this.put(MAILBOX.events, `${turn.id}-${number}.json`, {
      protocol: turn.protocol,
      turn: turn.id,
      n: this.#events,
      ...body,
    });
    if (body.type !== 'turn_finished') return;
    this.turn = null;
    this.lookSoon();
  }

  /** Leaves a file in one of its directories, as JSON or as it is. */
  put(directory: string, name: string, content: unknown): void {
    const { mailbox } = this;
    this.#files += 1;
    const staged = path.join(mailbox, MAILBOX.staging, `${this.name}-${this.#files}`);
    writeFileSync(staged, typeof content === 'string' ? content : JSON.stringify(content));
    renameSync(staged, path.join(mailbox, directory, name));
    this.#world.fileChanged(path.join('data', 'ipc', this.folder, directory));
  }

  /** It dies, or is killed. What it has left in its mailbox stays. */
  end(exit: AgentExit): void {
    if (this.exit) return;
    this.exit = exit;
    this.endedAt = this.#world.timeline.now;
    this.turn = null;
    this.#world.note('container ended', { name: this.name, code: exit.code, oom: exit.oomKilled });
    this.tellWatchers();
  }

  tellWatchers(): void {
    if (this.exit) for (const { daemon, tell } of this.watchers) if (daemon.alive) tell();
  }
}
