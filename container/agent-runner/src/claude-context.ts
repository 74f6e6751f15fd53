/**
 * How full Claude's conversation is: what the model's server counted for the last request of the main thread, beside the model's
 * window. What of it goes with every request, and from when on it is compacted, Claude Code is asked once, while the model
 * answers: that takes it a few milliseconds, which nobody waits for then.
 */
import type {
  SDKControlGetContextUsageResponse,
  SDKMessage,
  SDKResultMessage,
} from '@anthropic-ai/claude-agent-sdk';
import type { Context } from '../../../src/protocol.ts';

type Told = Pick<
  SDKControlGetContextUsageResponse,
  'categories' | 'autoCompactThreshold' | 'isAutoCompactEnabled'
>;
type CategoryId = Told['categories'][number]['id'];

const INSTRUCTIONS = new Set<CategoryId>([
  'system_prompt',
  'mcp_instructions',
  'custom_agents',
  'memory_files',
  'skills',
]);
const TOOLS = new Set<CategoryId>(['system_tools', 'mcp_tools']);

export class ContextMeter {
  readonly #ask: () => Promise<Told>;
  #asked = false;
  #told: Told | null = null;
  #model = '';
  #prompt = 0;
  #answer = 0;

  /** `ask`: of Claude Code; may fail. */
  constructor(ask: () => Promise<Told>) {
    this.#ask = ask;
  }

  /** To be shown every message of the process. */
  see(message: SDKMessage): void {
    if (message.type === 'system' && message.subtype === 'compact_boundary') {
      this.#prompt = message.compact_metadata.post_tokens ?? this.#prompt;
      this.#answer = 0;
    }
    if (message.type !== 'stream_event' || message.parent_tool_use_id !== null) return;
    const { event } = message;
    if (event.type === 'message_start') {
      const { usage, model } = event.message;
      this.#model = model;
      this.#prompt =
        usage.input_tokens + (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0);
      this.#answer = usage.output_tokens;
      this.#look();
    }
    if (event.type === 'message_delta') this.#answer = event.usage.output_tokens;
  }

  /** Undefined: no request was answered yet. */
  now(sessionId: string | null, { modelUsage }: Pick<SDKResultMessage, 'modelUsage'>): Context | undefined {
    const window = modelUsage[this.#model]?.contextWindow;
    if (sessionId === null || window === undefined || window < 1) return undefined;
    const tokens = this.#prompt + this.#answer;
    return { session_id: sessionId, tokens, window, ...this.#details(tokens) };
  }

  #details(tokens: number): Partial<Context> {
    if (this.#told === null) return {};
    const { categories, autoCompactThreshold, isAutoCompactEnabled } = this.#told;
    const sum = (ids: ReadonlySet<CategoryId>): number =>
      categories.reduce((all, one) => all + (one.kind === 'used' && ids.has(one.id) ? one.tokens : 0), 0);
    const [instructions, tools] = [sum(INSTRUCTIONS), sum(TOOLS)];
    return {
      ...(isAutoCompactEnabled && autoCompactThreshold !== undefined
        ? { compact_at: autoCompactThreshold }
        : {}),
      // They are guessed: where they make more than was counted, they say nothing.
      ...(instructions + tools <= tokens ? { instructions, tools } : {}),
    };
  }

  #look(): void {
    if (this.#asked) return;
    this.#asked = true;
    this.#ask().then(
      (told) => {
        this.#told = told;
      },
      () => {}, // it may be closed meanwhile: then only the details are missing
    );
  }
}
