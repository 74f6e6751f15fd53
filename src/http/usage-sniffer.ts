/**
 * Reads token counts from an answer of the Messages API or of chat completions as it streams past. Never delays, changes or keeps the bytes:
 * it looks only at lines that carry "usage", remembers at most one bounded line (of a long document its end, where the count stands),
 * and gives up silently on anything odd.
 */
import { type ClaudeTokens, claudeCost } from './claude-prices.ts';

export interface TokenUsage {
  inputTokens: number;
  outputTokens: number;
}

const LONGEST_LINE = 64 * 1024;
const LONGEST_DOCUMENT = 4 * LONGEST_LINE;
const NEWLINE = 10;
const USAGE = '"usage"';
const NO_TOKENS: ClaudeTokens = { input: 0, output: 0, write5m: 0, write1h: 0, read: 0 };
const BEGINNING = 1024;
const MODEL = /"model"\s*:\s*"([^"\\]{1,200})"/;
const NONE = /^"usage"\s*:\s*null/;

export class UsageSniffer {
  readonly #sse: boolean;
  /** Of the line that has not ended yet; of one JSON document, all that came. */
  #line: Buffer = Buffer.alloc(0);
  #skipping = false;
  #isFinal = false;
  #usage: TokenUsage = { inputTokens: 0, outputTokens: 0 };
  /** As the server names it. */
  #model = '';
  /** The same count by price, as the Messages API has it. */
  #tokens: ClaudeTokens = { input: 0, output: 0, write5m: 0, write1h: 0, read: 0 };

  /** `contentType` of the answer: an event stream, or one JSON document. */
  constructor(contentType: string | undefined) {
    this.#sse = /^text\/event-stream/i.test(contentType ?? '');
  }

  push(chunk: Buffer): void {
    if (!this.#sse) {
      this.#line = Buffer.concat([this.#line, chunk]);
      if (this.#line.length <= LONGEST_DOCUMENT) return;
      // Which model it was stands at the beginning, before all that it has written.
      if (!this.#skipping) this.#model = MODEL.exec(this.#line.toString('latin1', 0, BEGINNING))?.[1] ?? '';
      this.#line = Buffer.from(this.#line.subarray(-LONGEST_LINE));
      this.#skipping = true;
      return;
    }
    const first = chunk.indexOf(NEWLINE);
    if (first >= 0) {
      if (!this.#skipping) this.#takeLines(Buffer.concat([this.#line, chunk.subarray(0, first + 1)]));
      const last = chunk.lastIndexOf(NEWLINE);
      this.#takeLines(chunk.subarray(first + 1, last + 1));
      this.#line = Buffer.from(chunk.subarray(last + 1));
      this.#skipping = false;
    } else if (!this.#skipping) this.#line = Buffer.concat([this.#line, chunk]);
    if (this.#line.length <= LONGEST_LINE) return;
    this.#line = Buffer.alloc(0);
    this.#skipping = true;
  }

  /** What was seen so far; of one JSON document, all of it. */
  usage(): TokenUsage {
    if (!this.#sse && this.#line.length > 0) {
      const text = this.#line.toString('latin1');
      this.#take(`data: ${this.#skipping ? lastUsage(text) : text}`);
    }
    return { ...this.#usage };
  }

  /** What that costs, in USD; where it was counted otherwise, so many tokens. Null: nobody knows the model. */
  cost(counted?: TokenUsage): number | null {
    const { inputTokens: input, outputTokens: output } = counted ?? this.#usage;
    return claudeCost(this.#model, counted ? { ...NO_TOKENS, input, output } : this.#tokens);
  }

  /** Which model answered, as the server names it; empty where it did not. */
  get model(): string {
    return this.#model;
  }

  /** The server's own count of the whole answer has come. */
  get isFinal(): boolean {
    return this.#isFinal;
  }

  /** Whole lines. Only those that bear the word are made into text. */
  #takeLines(lines: Buffer): void {
    for (let at = lines.indexOf(USAGE); at >= 0; ) {
      const end = lines.indexOf(NEWLINE, at);
      // Some servers say in every chunk that there is none.
      if (!NONE.test(lines.toString('latin1', at, at + USAGE.length + 8)))
        this.#take(lines.toString('latin1', lines.lastIndexOf(NEWLINE, at) + 1, end));
      at = lines.indexOf(USAGE, end);
    }
  }

  #take(line: string): void {
    if (!line.startsWith('data:')) return;
    let event: {
      type?: unknown;
      usage?: unknown;
      model?: unknown;
      message?: { usage?: unknown; model?: unknown };
    };
    try {
      event = JSON.parse(line.slice(5));
    } catch {
      return;
    }
    const usage = event?.message?.usage ?? event?.usage;
    if (!usage || typeof usage !== 'object') return;
    const count = (name: string): number => {
      const value = (usage as Record<string, unknown>)[name];
      return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0;
    };
    const model = event.message?.model ?? event.model;
    if (typeof model === 'string') this.#model = model;
    this.#countByPrice(usage, count);
    // Chat completions count what came from a cache among the prompt's.
    const input =
      count('input_tokens') +
      count('cache_creation_input_tokens') +
      count('cache_read_input_tokens') +
      count('prompt_tokens');
    // Of what is written, message_start knows the beginning alone.
    if (event.type !== 'message_start') this.#isFinal = true;
    // message_start and message_delta both report; each is cumulative, so the larger one is the truth.
    this.#usage = {
      inputTokens: Math.max(this.#usage.inputTokens, input),
      outputTokens: Math.max(this.#usage.outputTokens, count('output_tokens') + count('completion_tokens')),
    };
  }

  #countByPrice(usage: object, count: (name: string) => number): void {
    const { cache_creation: made } = usage as { cache_creation?: { ephemeral_1h_input_tokens?: unknown } };
    const written = count('cache_creation_input_tokens');
    const forAnHour = Number(made?.ephemeral_1h_input_tokens ?? 0);
    const write1h = forAnHour > 0 ? Math.min(forAnHour, written) : 0;
    const now: ClaudeTokens = {
      input: count('input_tokens'),
      output: count('output_tokens'),
      write5m: written - write1h,
      write1h,
      read: count('cache_read_input_tokens'),
    };
    for (const kind of Object.keys(now) as (keyof ClaudeTokens)[])
      this.#tokens[kind] = Math.max(this.#tokens[kind], now[kind]);
  }
}

/** What the end of a document says last of usage, as a document of its own. What models write comes before it. */
function lastUsage(text: string): string {
  const at = text.lastIndexOf(USAGE);
  const from = at < 0 ? -1 : text.indexOf('{', at);
  let depth = 0;
  for (let end = from; end >= 0 && end < text.length; end += 1) {
    if (text[end] === '{') depth += 1;
    else if (text[end] === '}') depth -= 1;
    if (depth === 0) return `{"usage":${text.slice(from, end + 1)}}`;
  }
  return '';
}
