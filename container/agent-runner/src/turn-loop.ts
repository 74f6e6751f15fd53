/**
 * The agent's main loop: takes the turns meant for this container, each once, one at a time in order of arrival,
 * and runs them with the provider. Obeys control files. Ends by itself when asked to close, or after a time without
 * a turn; before it ends it looks once more, so that a turn that has just arrived is not left behind.
 */
import { controlFileSchema, type TurnFile, turnFileSchema } from '../../../src/protocol.ts';
import type { CommandClient } from './commands.ts';
import type { Mailbox } from './mailbox.ts';
import type { McpServers } from './mcp/servers.ts';
import type { Provider, TurnOutcome } from './provider.ts';
import type { RunScript } from './script.ts';
import { escapeXml, gateVerdict, scriptReply, withGateData } from './script-end.ts';
import { createTools } from './tools.ts';
import { TurnEvents } from './turn-events.ts';

export interface TurnLoopOptions {
  mailbox: Mailbox;
  commands: CommandClient;
  provider: Provider;
  script: RunScript;
  mcp: McpServers;
  /** The group's folder, as the agent sees it. */
  groupDir: string;
  /** This container's name; turns and control files that name another are not ours. */
  container: string;
  /** Ends the loop after so long without a turn. */
  idleExitMs: number;
  /** Diagnostics only. */
  log: (line: string) => void;
}

/** A turn to run, or what was wrong with a file that was meant to be one. */
type Waiting = { id: string; turn: TurnFile } | { id: string; problem: string };

/** Names of files are never used twice, so that many of the newest are remembered and the others forgotten. */
const REMEMBERED = 10_000;

export class TurnLoop {
  readonly #options: TurnLoopOptions;
  readonly #seenTurns = new Set<string>();
  readonly #seenControls = new Set<string>();
  readonly #interrupted = new Set<string>();
  readonly #queue: Waiting[] = [];
  #running: { id: string; events: TurnEvents; abort: AbortController } | null = null;
  #closing = false;
  #idleTimer: NodeJS.Timeout | undefined;
  #end: (reason: 'idle' | 'closed') => void = () => {};
  #fail: (error: unknown) => void = () => {};

  constructor(options: TurnLoopOptions) {
    this.#options = options;
  }

  /** Runs until the loop ends by itself; resolves with why. Rejects when the mailbox cannot be written any more. */
  run(): Promise<'idle' | 'closed'> {
    const ended = new Promise<'idle' | 'closed'>((resolve, reject) => {
      this.#end = resolve;
      this.#fail = reject;
    });
    const stop = this.#options.mailbox.onChange(() => this.#look());
    this.#armIdle();
    this.#look();
    return ended.finally(() => {
      stop();
      clearTimeout(this.#idleTimer);
    });
  }

  /** The last words of a dying process: the running turn, if any, failed. Never throws. */
  failRunning(message: string): void {
    this.#running?.events.finishedNow({ status: 'error', code: 'agent', message });
  }

  #look(): void {
    this.#takeControls();
    this.#takeTurns();
    this.#next();
  }

  #takeTurns(): void {
    for (const name of this.#options.mailbox.list('turns')) {
      if (this.#seenTurns.has(name)) continue;
      remember(this.#seenTurns, name);
      const waiting = this.#read(name);
      if (waiting) this.#queue.push(waiting);
    }
  }

  #read(name: string): Waiting | null {
    let content: unknown;
    try {
      content = this.#options.mailbox.read('turns', name);
    } catch (error) {
      this.#options.log(`turn file ${name} could not be read: ${String(error)}`);
      return null;
    }
    const owner = turnFileSchema.pick({ container: true, id: true }).safeParse(content);
    if (!owner.success || owner.data.container !== this.#options.container) return null;
    const parsed = turnFileSchema.safeParse(content);
    if (parsed.success) return { id: parsed.data.id, turn: parsed.data };
    const problem = parsed.error.issues
      .map((issue) => `${issue.path.join('.')}: ${issue.message}`)
      .join('; ');
    return { id: owner.data.id, problem };
  }

  #takeControls(): void {
    for (const name of this.#options.mailbox.list('control')) {
      if (this.#seenControls.has(name)) continue;
      remember(this.#seenControls, name);
      try {
        const parsed = controlFileSchema.safeParse(this.#options.mailbox.read('control', name));
        if (!parsed.success || parsed.data.container !== this.#options.container) continue;
        if (parsed.data.type === 'close') this.#closing = true;
        else this.#interrupt(parsed.data.turn);
      } catch (error) {
        this.#options.log(`control file ${name} could not be read: ${String(error)}`);
      }
    }
  }

  #interrupt(turn: string): void {
    // Kept also for a turn whose file has not been seen yet.
    remember(this.#interrupted, turn);
    if (this.#running?.id === turn) this.#running.abort.abort();
  }

  #next(): void {
    if (this.#running) return;
    const waiting = this.#queue.shift();
    if (!waiting) {
      if (this.#closing) this.#end('closed');
      return;
    }
    clearTimeout(this.#idleTimer);
    const { id } = waiting;
    const running = {
      id,
      events: new TurnEvents(this.#options.mailbox, id, 'turn' in waiting && waiting.turn.drafts === true),
      abort: new AbortController(),
    };
    this.#running = running;
    if (this.#interrupted.has(id)) running.abort.abort();
    this.#runTurn(waiting, running.events, running.abort.signal).then(
      () => {
        this.#running = null;
        this.#armIdle();
        this.#look();
      },
      (error: unknown) => this.#fail(error),
    );
  }

  async #runTurn(waiting: Waiting, events: TurnEvents, signal: AbortSignal): Promise<void> {
    const startedAt = performance.now();
    // The prompt goes first: nobody waits for the file that says so.
    const thinking = 'turn' in waiting ? this.#outcome(waiting.turn, events, signal) : null;
    await events.started();
    const outcome = (await thinking) ?? notUnderstood('problem' in waiting ? waiting.problem : '');
    // Not of the turn before, where this one asked for none.
    const servers = 'turn' in waiting && waiting.turn.mcp ? this.#options.mcp.reports() : [];
    await events.finished(outcome, servers);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(2);
    const why = outcome.status === 'error' ? ` ${outcome.code}: ${outcome.message}` : '';
    this.#options.log(`turn ${waiting.id} ${outcome.status} after ${seconds} s${why}`);
  }

  async #outcome(turn: TurnFile, events: TurnEvents, signal: AbortSignal): Promise<TurnOutcome> {
    try {
      return await this.#think(turn, events, signal);
    } catch (error) {
      this.#options.log(`turn ${turn.id} failed: ${error instanceof Error ? error.stack : error}`);
      const message = error instanceof Error ? error.message : String(error);
      return { status: 'error', code: 'agent', message };
    }
  }

  /** The script, when there is one, and the provider, unless the script is all or says that there is nothing to do. */
  async #think(turn: TurnFile, events: TurnEvents, signal: AbortSignal): Promise<TurnOutcome> {
    if (signal.aborted) return { status: 'interrupted' };
    const { commands, mailbox, groupDir, provider } = this.#options;
    let { prompt } = turn;
    if (turn.gate_script !== undefined) {
      const { gate_script: script, timezone } = turn;
      const result = await this.#options.script(
        { script, timezone },
        () => events.alive('gate script'),
        signal,
      );
      if (result.kind === 'interrupted') return { status: 'interrupted' };
      if (result.kind === 'failed') return { status: 'error', code: 'gate', message: result.message };
      const verdict = turn.script_only === true ? scriptReply(result.end) : gateVerdict(result.end);
      if (verdict.kind === 'failed') return { status: 'error', code: 'gate', message: verdict.message };
      if (verdict.kind === 'reply') {
        return { status: 'ok', scripted: true, text: verdict.text };
      }
      if (verdict.kind === 'quiet') return { status: 'ok', gated: true };
      prompt = withGateData(prompt, verdict.data);
    }
    const own = createTools({ commands, mailbox, groupDir, isMain: turn.is_main, signal });
    const { tools, notes } = await this.#options.mcp.prepare(turn, signal);
    const told = [prompt, ...notes.map((note) => `<note>${escapeXml(note)}</note>`)].join('\n');
    return provider.run({ ...turn, prompt: told }, [...own, ...tools], events, signal);
  }

  #armIdle(): void {
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => {
      this.#look();
      if (!this.#running) this.#end('idle');
    }, this.#options.idleExitMs);
  }
}

function remember(seen: Set<string>, name: string): void {
  seen.add(name);
  const [oldest] = seen;
  if (seen.size > REMEMBERED && oldest !== undefined) seen.delete(oldest);
}

const notUnderstood = (problem: string): TurnOutcome => ({
  status: 'error',
  code: 'agent',
  message: `the agent runner did not understand the turn file (another version?): ${problem}`,
});
