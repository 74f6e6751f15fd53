/**
 * Reads token counts from a Messages API answer as it streams past. Never delays, changes or keeps the bytes:
 * it looks only at lines that carry "usage", remembers at most one bounded line, and gives up silently on anything odd.
 */
export interface TokenUsage {
  inputTokens: number;
  outputTokens: number;
}

const LONGEST_LINE = 64 * 1024;

export class UsageSniffer {
  readonly #sse: boolean;
  #line = '';
  #skipping = false;
  #usage: TokenUsage = { inputTokens: 0, outputTokens: 0 };

  /** `contentType` of the answer: an event stream, or one JSON document. */
  constructor(contentType: string | undefined) {
    this.#sse = /^text\/event-stream/i.test(contentType ?? '');
  }

  push(chunk: Buffer): void {
    if (!this.#sse) {
      if (this.#line.length < 4 * LONGEST_LINE) this.#line += chunk.toString('latin1');
      return;
    }
    let at = 0;
    for (;;) {
      const end = chunk.indexOf(10, at);
      if (end < 0) break;
      if (!this.#skipping) this.#take(this.#line + chunk.toString('latin1', at, end));
      this.#line = '';
      this.#skipping = false;
      at = end + 1;
    }
    if (this.#skipping) return;
    this.#line += chunk.toString('latin1', at);
    if (this.#line.length > LONGEST_LINE) {
      this.#line = '';
      this.#skipping = true;
    }
  }

  /** What was seen so far; of one JSON document, all of it. */
  usage(): TokenUsage {
    if (!this.#sse && this.#line) this.#take(`data: ${this.#line}`);
    return { ...this.#usage };
  }

  #take(line: string): void {
    if (!line.startsWith('data:') || !line.includes('"usage"')) return;
    let event: { usage?: unknown; message?: { usage?: unknown } };
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
    const input =
      count('input_tokens') + count('cache_creation_input_tokens') + count('cache_read_input_tokens');
    // message_start and message_delta both report; each is cumulative, so the larger one is the truth.
    this.#usage = {
      inputTokens: Math.max(this.#usage.inputTokens, input),
      outputTokens: Math.max(this.#usage.outputTokens, count('output_tokens')),
    };
  }
}
