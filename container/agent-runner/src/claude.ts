/**
 * The provider that thinks: Claude, through the Claude Agent SDK. One long-lived process answers turn after turn of
 * one session; another session or changed instructions start another process. Invariants: at most one Claude process;
 * after a stall, an unanswered interrupt or a crash it is closed before anything else; an error is never posted as
 * an answer; a session that is gone is replaced once, and said so.
 */
import type { Options, SDKAssistantMessageError, SDKResultMessage } from '@anthropic-ai/claude-agent-sdk';
import type { AgentEnvironment } from '../../../src/protocol/environment.ts';
import type { TurnFile } from '../../../src/protocol.ts';
import type { Skill } from '../../../src/skills.ts';
import { browserServer } from './browser.ts';
import { activityOf, answers, begins, draftAfter } from './claude-activity.ts';
import { classifyFailure, isRefusedHistory, isStaleSession, LEAVES, resetTime } from './claude-failure.ts';
import { claudeOptions, configDir, MCP_SERVER } from './claude-options.ts';
import { ClaudeProcess } from './claude-process.ts';
import { EarlyClaude, expectedStart } from './claude-start.ts';
import { otherServers, type Sdk, toolServer } from './claude-tools.ts';
import { ClaudeWorld } from './claude-world.ts';
import { oomKills } from './oom-kills.ts';
import { promptOf } from './pictures.ts';
import type { Provider, TurnOutcome, TurnReport } from './provider.ts';
import { NO_USAGE, savedUsage } from './saved-usage.ts';
import { failure, type Tool, type ToolResult } from './tool.ts';

/** How long Claude may take to confirm that it stopped; then its process is ended. */
const INTERRUPT_LIMIT_MS = 5_000;

type Laid = Required<Pick<Options, 'plugins' | 'mcpServers'>>;
type Failed = Extract<TurnOutcome, { status: 'error' }>;
type Attempt = TurnOutcome | { status: 'stale_session' } | { status: 'gone_while_idle' };

export interface ClaudeProviderOptions {
  environment: AgentEnvironment;
  /** This process's variables; a few harmless ones are passed on. */
  variables: NodeJS.ProcessEnv;
  /** A turn in which nothing came from Claude for so long is given up as stalled (ms). */
  stallMs: number;
  log: (line: string) => void;
}

/** The SDK is loaded behind the turn that may be waiting: Claude starts meanwhile. Turns reject outside the image, where there is none. */
export function createClaudeProvider(options: ClaudeProviderOptions): Provider {
  const provider = new ClaudeProvider(options);
  setImmediate(() => void provider.sdk().catch(() => {}));
  return provider;
}

class ClaudeProvider implements Provider {
  #loading: Promise<Sdk> | null = null;
  /** Started, and not yet handed to the SDK. */
  #early: EarlyClaude | null = null;
  readonly #options: ClaudeProviderOptions;
  #process: ClaudeProcess | null = null;
  /** Processes of this container that had been killed for want of memory when Claude was started. */
  #killsBefore = 0;
  /** The tools of the running turn; the process outlives turns, so it asks here. */
  #tools: readonly Tool[] = [];
  #report: TurnReport | null = null;
  /** Calls of our own tools that have not returned; some wait for people. */
  #inTools = 0;
  readonly #world: ClaudeWorld;

  constructor(options: ClaudeProviderOptions) {
    this.#options = options;
    this.#world = new ClaudeWorld(options.environment, options.log);
  }

  sdk(): Promise<Sdk> {
    this.#loading ??= import('@anthropic-ai/claude-agent-sdk');
    return this.#loading;
  }

  async run(
    turn: TurnFile,
    tools: readonly Tool[],
    report: TurnReport,
    signal: AbortSignal,
  ): Promise<TurnOutcome> {
    this.#tools = tools;
    this.#report = report;
    this.#world.begin(turn);
    try {
      if (turn.left_session !== undefined) this.#world.leave(turn.left_session);
      let attempt = await this.#attempt(turn, turn.session_id, report, signal);
      if (attempt.status === 'gone_while_idle') {
        attempt = await this.#attempt(turn, turn.session_id, report, signal);
      }
      if (attempt.status === 'stale_session') {
        this.#options.log(`session ${turn.session_id} is gone; beginning a fresh one`);
        if (turn.session_id !== null) this.#world.leave(turn.session_id);
        attempt = await this.#attempt(turn, null, report, signal);
      }
      if (attempt.status === 'stale_session' || attempt.status === 'gone_while_idle') {
        const message = 'no conversation could be resumed or begun';
        return { status: 'error', code: 'stale_session', message };
      }
      if (attempt.status === 'error' && LEAVES.has(attempt.code) && turn.session_id !== null) {
        this.close();
        this.#world.leave(turn.session_id);
      }
      return attempt;
    } finally {
      this.#world.end();
      this.#report = null;
    }
  }

  close(): void {
    this.#early?.drop();
    this.#early = null;
    this.#process?.close();
    this.#process = null;
  }

  /** Runs the turn in the given session; `null` begins a fresh one. */
  async #attempt(
    turn: TurnFile,
    sessionId: string | null,
    report: TurnReport,
    signal: AbortSignal,
  ): Promise<Attempt> {
    if (sessionId !== null && this.#process?.sessionId !== sessionId && this.#world.isTooLarge(sessionId))
      return { status: 'error', code: 'context_too_long', message: 'the transcript is too large' };
    const claude = await this.#processFor(turn, sessionId);
    const wasWarm = claude.turns > 0;
    const prompt = claude.send(promptOf(turn, this.#options.environment.NANOCLAW_GROUP_DIR));
    let heard = false;
    let category: SDKAssistantMessageError | undefined;
    let resetsAtS: number | undefined;
    let activity = 'waiting';
    let draft = '';
    report.alive(activity);

    while (true) {
      const step = await claude.step(this.#options.stallMs, signal);
      if (step.kind === 'aborted') return this.#interrupted(claude);
      if (step.kind === 'silent' && this.#inTools > 0) continue;
      if (step.kind === 'silent') return this.#stalled(claude);
      if (step.kind === 'ended') {
        this.close();
        if (wasWarm && !heard) return { status: 'gone_while_idle' };
        return this.#ended(claude, step.problem);
      }
      const { message } = step;
      heard ||= begins(message);
      activity = activityOf(message) ?? activity;
      draft = draftAfter(draft, message);
      report.alive(activity, draft);
      if (message.type === 'system' && message.subtype === 'init') {
        await this.#learnSession(claude, message.session_id, turn, sessionId, report);
      }
      if (message.type === 'assistant' && message.error !== undefined) category = message.error;
      if (message.type === 'rate_limit_event' && message.rate_limit_info.status === 'rejected')
        resetsAtS = message.rate_limit_info.resetsAt;
      if (message.type !== 'result' || !answers(message, prompt)) continue;

      claude.turns += 1;
      return this.#settle(claude, message, { category, resetsAtS, isResumed: sessionId !== null });
    }
  }

  #settle(
    claude: ClaudeProcess,
    result: SDKResultMessage,
    seen: {
      category: SDKAssistantMessageError | undefined;
      resetsAtS: number | undefined;
      isResumed: boolean;
    },
  ): Attempt {
    const used = { usage: claude.usageSince(result), context: claude.context.now(claude.sessionId, result) };
    if (!result.is_error && result.subtype === 'success') {
      return { status: 'ok', text: result.result, ...used };
    }
    const text = result.subtype === 'success' ? result.result : result.errors.join('; ');
    if (isStaleSession(text)) {
      this.close();
      return { status: 'stale_session' };
    }
    if (result.subtype === 'error_max_turns') {
      const message = `stopped after ${result.num_turns} requests to the model in one turn`;
      return { status: 'error', code: 'max_turns', message, ...used };
    }
    const message = text || `Claude ended the turn with ${result.subtype}`;
    const status = result.subtype === 'success' ? result.api_error_status : undefined;
    const isRefused = seen.isResumed && isRefusedHistory(status, text);
    const code = isRefused ? 'stale_session' : classifyFailure({ category: seen.category, status, text });
    const resetsAt = code === 'quota' ? resetTime(seen.resetsAtS, text) : undefined;
    return { status: 'error', code, message, ...used, ...(resetsAt === undefined ? {} : { resetsAt }) };
  }

  async #learnSession(
    claude: ClaudeProcess,
    sessionId: string,
    turn: TurnFile,
    asked: string | null,
    report: TurnReport,
  ): Promise<void> {
    if (claude.sessionId === sessionId) return;
    claude.sessionId = sessionId;
    if (sessionId !== turn.session_id)
      await report.session(sessionId, turn.session_id !== null && asked === null);
  }

  async #interrupted(claude: ClaudeProcess): Promise<TurnOutcome> {
    await claude.interrupt(INTERRUPT_LIMIT_MS);
    const until = performance.now() + INTERRUPT_LIMIT_MS;
    while (performance.now() < until) {
      const step = await claude.step(Math.max(1, until - performance.now()));
      if (step.kind === 'message' && step.message.type === 'result') {
        claude.turns += 1;
        const context = claude.context.now(claude.sessionId, step.message);
        return { status: 'interrupted', usage: claude.usageSince(step.message), context };
      }
      if (step.kind !== 'message') break;
    }
    this.close();
    return { status: 'interrupted' };
  }

  async #stalled(claude: ClaudeProcess): Promise<Failed> {
    await claude.interrupt(INTERRUPT_LIMIT_MS);
    this.close();
    const minutes = (this.#options.stallMs / 60_000).toFixed(1);
    return { status: 'error', code: 'stalled', message: `nothing came from Claude for ${minutes} minutes` };
  }

  #ended(claude: ClaudeProcess, problem: string | null): Attempt {
    const text = [problem ?? 'the Claude process ended before the turn did', claude.stderr]
      .filter(Boolean)
      .join('\n');
    if (isStaleSession(text)) return { status: 'stale_session' };
    this.#options.log(text);
    if (oomKills() > this.#killsBefore) {
      const message = `Claude was killed because the container has no more memory (CONTAINER_MEMORY_MB)\n${text}`;
      return { status: 'error', code: 'out_of_memory', message };
    }
    return { status: 'error', code: classifyFailure({ text }), message: text };
  }

  /** The warm process when it fits, else a new one. */
  async #processFor(turn: TurnFile, sessionId: string | null): Promise<ClaudeProcess> {
    const { environment, variables } = this.#options;
    const skills = this.#world.skills();
    const resume = sessionId === null ? {} : { resume: sessionId };
    const first = this.#loading === null ? this.#startEarly(turn, skills, resume) : null;
    const { memory, team, isMemoryNew } = this.#world.look(turn);
    const optionsWith = (memory: string) =>
      claudeOptions({ environment, variables, turn, memory, team, skills });
    const told = skills.map(({ instructions }) => instructions);
    const offered = this.#tools.map(({ name, description, mcp }) => (mcp ? [name, description, mcp] : name));
    const key = JSON.stringify([optionsWith(''), offered, told]);
    const warm = isMemoryNew ? null : this.#process;
    if (warm && !warm.closed && sessionId !== null && warm.sessionId === sessionId && warm.key === key)
      return warm;
    if (!first) this.close();
    const { plugins, mcpServers } = first ?? this.#lay(skills);
    const sdk = await this.sdk().catch((error: unknown) => {
      this.close();
      throw error;
    });
    const startOptions = optionsWith(memory);
    const usedBefore = () => (sessionId === null ? NO_USAGE : savedUsage(configDir(environment), sessionId));
    const others = await otherServers(this.#tools, this.#call);
    const servers = { ...others, [MCP_SERVER]: toolServer(sdk, this.#tools, this.#call), ...mcpServers };
    const all = { ...startOptions, mcpServers: servers, plugins, hooks: this.#world.hooks(), ...resume };
    this.#process = new ClaudeProcess(sdk.query, key, usedBefore, all, this.#early);
    this.#early = null;
    return this.#process;
  }

  /** Once, before the SDK is loaded. What it takes to know how Claude is started comes first, the rest while it starts. */
  #startEarly(turn: TurnFile, skills: readonly Skill[], resume: Pick<Options, 'resume'>): Laid {
    const { environment, variables, log } = this.#options;
    const laid = this.#lay(skills);
    const options = claudeOptions({ environment, variables, turn, memory: '', team: [], skills });
    const expected = expectedStart({ ...options, ...laid, ...resume });
    this.#early = expected && new EarlyClaude(expected, log);
    return laid;
  }

  /** For a process that is about to be started: what it finds as files. */
  #lay(skills: readonly Skill[]): Laid {
    const { environment, variables } = this.#options;
    const browser = browserServer(variables, environment.NANOCLAW_GROUP_DIR);
    this.#killsBefore = oomKills();
    return { plugins: this.#world.plugins(skills), mcpServers: browser ? { browser } : {} };
  }

  #call = async (name: string, args: unknown): Promise<ToolResult> => {
    this.#report?.alive(name);
    const tool = this.#tools.find((candidate) => candidate.name === name);
    if (!tool || !this.#report) return failure('not done: no turn is running');
    this.#inTools += 1;
    try {
      return await tool.call(args);
    } finally {
      this.#inTools -= 1;
    }
  };
}
