/**
 * The provider for any server that speaks OpenAI's chat completions: a hosted one or one of your own (Ollama, llama.cpp, vLLM).
 * The wire is the AI SDK's openai-compatible client; the loop, the work tools and the conversation are ours. Invariants: an error
 * is never posted as an answer; a request that came to nothing leaves nothing in the conversation; a conversation that is
 * gone is begun anew, and said so. It knows the daemon's proxy and its own token there, never the server's credential.
 */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import type { AgentEnvironment } from '../../../src/protocol/environment.ts';
import type { TurnFile, Usage } from '../../../src/protocol.ts';
import { readTeam } from '../../../src/team.ts';
import { archiveSaid } from './archive.ts';
import { inherited } from './inherited.ts';
import { saidIn } from './openai/archive.ts';
import type { Conversation, Kept } from './openai/conversation.ts';
import { converse } from './openai/converse.ts';
import { delegateTool } from './openai/delegate.ts';
import { instructions } from './openai/instructions.ts';
import type { LoopEnd } from './openai/loop.ts';
import { type AskModel, modelAsker, PAUSES_MS } from './openai/request.ts';
import { Sessions } from './openai/sessions.ts';
import type { Entry } from './openai/transcript.ts';
import type { Provider, TurnOutcome, TurnReport } from './provider.ts';
import { TeamLog } from './team-log.ts';
import type { Tool } from './tool.ts';
import { createWorkTools } from './work/work-tools.ts';

/** Requests to the model within one turn, where nobody says it. Far above honest work, below a loop that costs a fortune. */
const MOST_REQUESTS = 200;
/** Where the daemon does not say it. */
const CONTEXT_TOKENS = 32_768;
/** Of the requests that a turn may make: what all specialists together may make besides. */
const TEAM_SHARE = 2;
const LONGEST_RESULT = 30_000;
/** Of the context, in characters of about a third of a token: what one tool's result may take. */
const RESULT_SHARE = 0.45;

export interface OpenAiProviderOptions {
  environment: AgentEnvironment;
  /** This process's variables; a few harmless ones are passed on to commands. */
  variables: NodeJS.ProcessEnv;
  /** A request in which nothing came from the model for so long is given up as stalled (ms). */
  stallMs: number;
  log: (line: string) => void;
  pausesMs?: readonly number[];
  mostRequests?: number;
}

/** Throws when the environment names no server. */
export function createOpenAiProvider(options: OpenAiProviderOptions): Provider {
  const { OPENAI_BASE_URL: baseURL, OPENAI_API_KEY: apiKey } = options.environment;
  if (baseURL === undefined) throw new Error('the daemon named no OPENAI_BASE_URL');
  const server = createOpenAICompatible({
    name: 'openai',
    baseURL,
    includeUsage: true,
    ...(apiKey === undefined ? {} : { apiKey }),
  });
  const { stallMs, pausesMs = PAUSES_MS } = options;
  const askerOf = (modelName: string, effort: TurnFile['effort']) =>
    modelAsker({ model: server.chatModel(modelName), modelName, effort, stallMs, pausesMs });
  return new OpenAiProvider(askerOf, options);
}

class OpenAiProvider implements Provider {
  readonly #askerOf: (model: string, effort: TurnFile['effort']) => AskModel;
  readonly #options: OpenAiProviderOptions;
  readonly #sessions: Sessions;
  readonly #closing = new AbortController();

  constructor(
    askerOf: (model: string, effort: TurnFile['effort']) => AskModel,
    options: OpenAiProviderOptions,
  ) {
    this.#askerOf = askerOf;
    this.#options = options;
    this.#sessions = new Sessions(options.environment.HOME);
  }

  async run(
    turn: TurnFile,
    tools: readonly Tool[],
    report: TurnReport,
    interrupt: AbortSignal,
  ): Promise<TurnOutcome> {
    const { environment } = this.#options;
    const modelName = turn.model ?? environment.OPENAI_MODEL;
    if (modelName === undefined)
      return { status: 'error', code: 'model', message: 'neither the group nor OPENAI_MODEL names a model' };
    const askOnce = this.#askerOf(modelName, turn.effort);
    const { NANOCLAW_GROUP_DIR: groupDir, NANOCLAW_GLOBAL_DIR: globalDir } = environment;
    const tooLarge = this.#sessions.tooLarge(turn.session_id);
    if (tooLarge !== null) {
      this.#archive(turn, tooLarge);
      return {
        status: 'error',
        code: 'context_too_long',
        message: 'the conversation is too large to be read',
      };
    }
    if (turn.left_session !== undefined) this.#archive(turn, this.#sessions.entries(turn.left_session));
    const session = this.#sessions.open(turn.session_id);
    if (session.id !== turn.session_id) await report.session(session.id, session.fresh);
    const signal = AbortSignal.any([interrupt, this.#closing.signal]);
    const contextTokens = environment.OPENAI_CONTEXT_TOKENS ?? CONTEXT_TOKENS;
    const longestResult = Math.min(LONGEST_RESULT, Math.floor(contextTokens * RESULT_SHARE));
    let doing = 'waiting';
    const onActivity = (activity: string, draft?: string) => {
      doing = activity;
      report.alive(activity, draft);
    };
    const tokens = { input: 0, output: 0 };
    const ask: AskModel = async (asking) => {
      const answered = await askOnce(asking);
      if (answered.kind === 'reply') {
        tokens.input += answered.inputTokens;
        tokens.output += answered.outputTokens;
      }
      return answered;
    };
    const work = createWorkTools({
      folder: groupDir,
      env: { ...inherited(this.#options.variables), HOME: environment.HOME, TZ: turn.timezone },
      longestResult,
      alive: () => report.alive(doing),
      signal,
    });
    const common = { ask, contextTokens, longestResult, groupDir, signal };
    const mostRequests = turn.max_turns ?? this.#options.mostRequests ?? MOST_REQUESTS;
    let leftForTeam = TEAM_SHARE * mostRequests;
    const askForTeam: AskModel = async (asking) => {
      leftForTeam -= 1;
      if (leftForTeam >= 0) return await ask(asking);
      const message = `specialists have made ${TEAM_SHARE * mostRequests} requests to the model in this turn`;
      return { kind: 'failed', failure: { code: 'max_turns', message } };
    };
    const log = new TeamLog({ groupDir, now: Date.now, log: this.#options.log }, turn);
    const { specialists: team } = readTeam({ groupDir, globalDir });
    const own = [...tools, ...work];
    const delegate = delegateTool({
      ...{ team, turn, groupDir, log, tools: own },
      work: (system, prompt, given) =>
        converse({
          ...{ ...common, ask: askForTeam, system, mostRequests, tools: given },
          entries: [],
          kept: NOT_KEPT,
          archive: () => {},
          request: { role: 'user', text: prompt },
          // What a specialist writes is for the assistant.
          onActivity: (activity) => onActivity(activity),
        }).then(({ end }) => end),
    });
    const { end, conversation } = await converse({
      ...{ ...common, mostRequests, onActivity },
      system: instructions(turn, team, { group: groupDir, global: globalDir }),
      tools: team.length > 0 ? [...own, delegate] : own,
      entries: session.entries,
      kept: this.#sessions.keep(session.id),
      archive: (gone) => this.#archive(turn, gone),
      request: requestOf(turn),
    });
    log.close();
    const usage = {
      input_tokens: tokens.input,
      output_tokens: tokens.output,
      // What that costs is the host's business.
      cost_usd: 0,
    };
    const outcome = this.#settle(end, conversation, usage);
    // The host begins another one now.
    if (outcome.status === 'error' && outcome.code === 'context_too_long' && turn.session_id !== null)
      this.#archive(turn, conversation.entries);
    return { ...outcome, context: { session_id: session.id, ...conversation.fullness } };
  }

  close(): void {
    this.#closing.abort();
  }

  #settle(end: LoopEnd, conversation: Conversation, usage: Usage): TurnOutcome {
    switch (end.kind) {
      case 'answer':
        return { status: 'ok', text: end.text, usage };
      case 'interrupted':
        conversation.add({ role: 'assistant', text: '<internal>stopped here by the chat</internal>' });
        return { status: 'interrupted', usage };
      case 'failed': {
        const { code, message, resetsAt } = end.failure;
        // The same work comes again with its next try: where nothing was done yet, nothing is kept.
        conversation.dropUnanswered();
        if (conversation.entries.at(-1)?.role === 'tool')
          conversation.add({ role: 'assistant', text: `<internal>failed here: ${code}</internal>` });
        return { status: 'error', code, message, usage, ...(resetsAt === undefined ? {} : { resetsAt }) };
      }
    }
  }

  #archive(turn: TurnFile, gone: readonly Entry[]): void {
    const { timezone, group_name: groupName, assistant_name: assistantName } = turn;
    const groupDir = this.#options.environment.NANOCLAW_GROUP_DIR;
    try {
      const place = { groupDir, nowMs: Date.now(), timezone, groupName, assistantName };
      archiveSaid(place, saidIn(gone, assistantName));
    } catch (error) {
      this.#options.log(`a conversation could not be archived: ${String(error)}`);
    }
  }
}

const NOT_KEPT: Kept = { append() {}, replace() {} };

function requestOf(turn: TurnFile): Extract<Entry, { role: 'user' }> {
  const pictures = (turn.attachments ?? []).filter((file) => file.as_image).map(({ path }) => path);
  return { role: 'user', text: turn.prompt, ...(pictures.length > 0 ? { pictures } : {}) };
}
