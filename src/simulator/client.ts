/**
 * Speaks to a running simulator from a terminal: says one thing and waits for the bot's answer.
 * The answer is every message the bot writes into that chat (and topic) after ours, until it has been quiet for
 * IDLE_MS; while the bot shows that it types or streams, the quiet begins when that has run out (5 s, as in Telegram).
 */
import { type Clock, systemClock, type Timer } from '../lib/clock.ts';
import type { SimMessage } from './types.ts';

const IDLE_MS = 1200;
const TYPING_MS = 5000;

export interface ChatOnceOptions {
  /** Where the simulator is, e.g. http://127.0.0.1:7420. */
  readonly baseUrl: string;
  /** What its address asks for, if anything (STATUS_TOKEN). */
  readonly token?: string | null;
  /** Id, title, or `main`. */
  readonly chat: string | number;
  /** A person's key, e.g. `you`. */
  readonly from: string;
  readonly text: string;
  readonly threadId?: number;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

export interface ChatAnswer {
  /** The texts (or captions) of the answer, with a blank line between messages. */
  readonly answer: string;
  readonly messages: SimMessage[];
}

interface SimEvent {
  readonly type: string;
  readonly message?: SimMessage;
  readonly chatId?: number;
}

/** Rejects with one plain sentence: not reachable, refused, no answer in time, or aborted. */
export async function chatOnce(options: ChatOnceOptions): Promise<ChatAnswer> {
  const clock = options.clock ?? systemClock;
  const stop = new AbortController();
  const outer = () => stop.abort(new Error('the wait for an answer was given up'));
  if (options.signal?.aborted) outer();
  options.signal?.addEventListener('abort', outer, { once: true });
  const answer = new Answer(clock);
  const deadline = clock.after(options.timeoutMs, () =>
    stop.abort(new Error(`no answer came within ${Math.round(options.timeoutMs / 1000)} s`)),
  );
  const aborted = new Promise<never>((_, reject) => {
    const fail = () => reject(stop.signal.reason);
    if (stop.signal.aborted) fail();
    else stop.signal.addEventListener('abort', fail, { once: true });
  });
  try {
    return await Promise.race([exchange(options, answer, stop.signal), aborted]);
  } catch (error) {
    if (stop.signal.aborted && answer.messages.length > 0 && !options.signal?.aborted) return answer.result();
    throw error;
  } finally {
    deadline.cancel();
    answer.cancel();
    options.signal?.removeEventListener('abort', outer);
    stop.abort();
  }
}

async function exchange(options: ChatOnceOptions, answer: Answer, signal: AbortSignal): Promise<ChatAnswer> {
  const { baseUrl, chat, from, text, threadId, token } = options;
  const key: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
  const base = `${baseUrl.replace(/\/+$/, '')}/sim/api`;
  const stream = await request(`${base}/events`, { headers: key, signal });
  const events = readEvents(stream);
  await events.next();
  const said = await request(`${base}/say`, {
    method: 'POST',
    headers: { ...key, 'content-type': 'application/json' },
    body: JSON.stringify({ chat, from, text, ...(threadId === undefined ? {} : { threadId }) }),
    signal,
  });
  const { message } = (await said.json()) as { message: SimMessage };
  const listening = (async () => {
    for await (const event of events) answer.take(event, message);
    throw new Error('the simulator went away before an answer came');
  })();
  return await Promise.race([answer.settled, listening]);
}

/** Collects the bot's messages and settles when it has been quiet for long enough. */
class Answer {
  readonly messages: SimMessage[] = [];
  readonly settled: Promise<ChatAnswer>;
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #typingUntil = 0;
  #settle: (answer: ChatAnswer) => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
    this.settled = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  take(event: SimEvent, ours: SimMessage): void {
    const { type, message } = event;
    const chatId = message?.chat.id ?? event.chatId;
    if (chatId !== ours.chat.id) return;
    const now = this.#clock.monotonic();
    if (type === 'typing' || type === 'draft') this.#typingUntil = now + TYPING_MS;
    else if (!message?.from.is_bot || message.message_id <= ours.message_id) return;
    else if (type === 'message' && sameThread(message, ours)) {
      this.messages.push(message);
      this.#typingUntil = 0;
    } else if (type === 'edited') {
      const at = this.messages.findIndex((m) => m.message_id === message.message_id);
      if (at >= 0) this.messages[at] = message;
    }
    if (this.messages.length === 0) return;
    this.#timer?.cancel();
    const quietFrom = Math.max(now, this.#typingUntil);
    this.#timer = this.#clock.after(quietFrom - now + IDLE_MS, () => this.#settle(this.result()));
  }

  result(): ChatAnswer {
    const texts = this.messages.map((m) => m.text ?? m.caption ?? '[a file]');
    return { answer: texts.join('\n\n'), messages: [...this.messages] };
  }

  cancel(): void {
    this.#timer?.cancel();
  }
}

function sameThread(a: SimMessage, b: SimMessage): boolean {
  const topic = (m: SimMessage) => (m.is_topic_message ? m.message_thread_id : undefined);
  return topic(a) === topic(b);
}

async function request(url: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch (error) {
    throw new Error(`nothing answers at ${new URL(url).origin}; is the daemon running?`, { cause: error });
  }
  if (response.ok) return response;
  const body = (await response.json().catch(() => ({}))) as { error?: string };
  throw new Error(body.error ?? `the simulator answered ${response.status}`);
}

async function* readEvents(response: Response): AsyncGenerator<SimEvent, void, undefined> {
  if (!response.body) return;
  let rest = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body) {
    const frames = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
    rest = frames.pop() ?? '';
    for (const frame of frames) {
      const data = frame.split('\n').find((line) => line.startsWith('data: '));
      if (data) yield JSON.parse(data.slice('data: '.length)) as SimEvent;
    }
  }
}
