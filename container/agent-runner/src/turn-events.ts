/**
 * Writes the events of one turn: numbered from 1 without a gap, nothing after `turn_finished`, signs of life thinned
 * out. A full disk is waited for, since an answer that cannot be written is an answer lost.
 */
import {
  type AgentEvent,
  eventFileName,
  MAX_DRAFT_LENGTH,
  MAX_TEXT_LENGTH,
  PROTOCOL_VERSION,
} from '../../../src/protocol.ts';
import type { Mailbox } from './mailbox.ts';
import type { ServerReport } from './mcp/hub.ts';
import type { TurnOutcome, TurnReport } from './provider.ts';
import { errorCode } from './workspace.ts';

/** Between two `progress` events at least; a change of activity waits no longer than this. */
const PROGRESS_GAP_MS = 2_000;
/** Before it a turn that waits for its first word says nothing else. */
const FIRST_MS = 250;
/** While the activity stays the same, one `progress` in this time is enough. */
const PROGRESS_REPEAT_MS = 8_000;
/** So that the longest text, escaped, stays below the size of a mailbox file. */
const TEXT_PART_LENGTH = MAX_TEXT_LENGTH / 2;
const RETRY_MS = 1_000;
const RETRY_LIMIT_MS = 5 * 60_000;
/** What an end must not be found without, also after a power cut (mailbox.ts). The words of the reply it counts itself. */
const KEPT: ReadonlySet<AgentEvent['type']> = new Set<AgentEvent['type']>(['session']);
const TRANSIENT = new Set(['ENOSPC', 'EDQUOT', 'EIO', 'EMFILE', 'ENFILE']);

type Body<E> = E extends AgentEvent ? Omit<E, 'protocol' | 'turn' | 'n'> : never;
type EventBody = Body<AgentEvent>;

export class TurnEvents implements TurnReport {
  readonly #mailbox: Mailbox;
  readonly #turn: string;
  #next = 1;
  #finished = false;
  #lastProgressAt = Number.NEGATIVE_INFINITY;
  #lastActivity = '';
  #pendingActivity: string | null = null;
  /** Null where nobody watches. */
  #pendingDraft: string | null;
  #lastDraft = '';
  #timer: NodeJS.Timeout | undefined;

  /** `drafts`: somebody watches it being written. */
  constructor(mailbox: Mailbox, turn: string, drafts = false) {
    this.#pendingDraft = drafts ? '' : null;
    this.#mailbox = mailbox;
    this.#turn = turn;
  }

  /** Does nothing when anything was written before: then this was, too. */
  async started(): Promise<void> {
    if (this.#next === 1) await this.#write([]);
  }

  alive(activity: string, draft?: string): void {
    if (this.#pendingDraft !== null && draft !== undefined) this.#pendingDraft = draft;
    this.#pendingActivity = activity.slice(0, 128) || 'working';
    if (this.#finished || this.#timer) return;
    // That it waits for its first word goes without saying, and so does what a turn does that is over at once.
    if (this.#lastActivity === '' && activity === 'waiting') {
      this.#lastActivity = activity;
      this.#lastProgressAt = performance.now() - PROGRESS_GAP_MS + FIRST_MS;
    }
    const isNew =
      this.#pendingActivity !== this.#lastActivity || (this.#pendingDraft ?? '') !== this.#lastDraft;
    const gap = isNew ? PROGRESS_GAP_MS : PROGRESS_REPEAT_MS;
    const wait = this.#lastProgressAt + gap - performance.now();
    if (wait <= 0) this.#progress();
    // The timer serves a change of activity; the same activity is reported at its next sign of life.
    else if (gap === PROGRESS_GAP_MS) this.#timer = setTimeout(() => this.#progress(), wait);
  }

  session(sessionId: string, fresh: boolean): Promise<void> {
    return this.#write([{ type: 'session', session_id: sessionId, fresh }]);
  }

  /** With the words of the reply: the host finds all of it at once. */
  async finished(outcome: TurnOutcome, servers: readonly ServerReport[] = []): Promise<void> {
    clearTimeout(this.#timer);
    const text = outcome.status === 'ok' ? (outcome.text ?? '') : '';
    const said = parts(visible(text));
    const words = said.length > 0 ? { words: said.join('\n\n').length } : {};
    await this.#write([
      ...said.map((part): EventBody => ({ type: 'text', text: part })),
      { ...finishedBody(outcome), ...words, ...mcpBody(servers) },
    ]);
    this.#finished = true;
  }

  /** The last words of a dying process: tries once, without waiting. Never throws. */
  finishedNow(outcome: TurnOutcome): void {
    try {
      this.#writeNow([finishedBody(outcome)]);
      this.#finished = true;
    } catch {
      // The process ends non-zero; the host sees that.
    }
  }

  #progress(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const activity = this.#pendingActivity;
    if (activity === null || this.#finished) return;
    this.#lastProgressAt = performance.now();
    this.#lastActivity = activity;
    this.#lastDraft = this.#pendingDraft ?? '';
    const draft = this.#pendingDraft === null ? {} : { draft: draftOf(this.#pendingDraft) };
    try {
      this.#writeNow([{ type: 'progress', activity, ...draft }]);
    } catch {
      // A lost sign of life is made up for by the next one.
    }
  }

  async #write(bodies: readonly EventBody[]): Promise<void> {
    for (let waited = 0; ; waited += RETRY_MS) {
      try {
        return this.#writeNow(bodies);
      } catch (error) {
        if (!TRANSIENT.has(errorCode(error)) || waited >= RETRY_LIMIT_MS) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  #writeNow(bodies: readonly EventBody[]): void {
    if (this.#finished) return;
    const all: EventBody[] = this.#next === 1 ? [{ type: 'turn_started' }, ...bodies] : [...bodies];
    const events = all.map((body, i) => {
      const n = this.#next + i;
      const value = { protocol: PROTOCOL_VERSION, turn: this.#turn, n, ...body };
      return { name: eventFileName(this.#turn, n), value, sync: KEPT.has(body.type) };
    });
    this.#mailbox.putEvents(events);
    this.#next += events.length;
  }
}

function mcpBody(servers: readonly ServerReport[]): { mcp?: ServerReport[] } {
  if (servers.length === 0) return {};
  return {
    mcp: servers
      .slice(0, 20)
      .map(({ name, problem }) => ({ name, problem: problem?.slice(0, 1000) ?? null })),
  };
}

function finishedBody(outcome: TurnOutcome): EventBody {
  const usage = {
    ...(outcome.usage ? { usage: outcome.usage } : {}),
    ...(outcome.context ? { context: outcome.context } : {}),
  };
  if (outcome.status === 'ok' && outcome.gated) return { type: 'turn_finished', status: 'ok', gated: true };
  if (outcome.status === 'ok' && outcome.scripted)
    return { type: 'turn_finished', status: 'ok', scripted: true };
  if (outcome.status !== 'error') return { type: 'turn_finished', status: outcome.status, ...usage };
  const resets =
    outcome.resetsAt === undefined ? {} : { resets_at: new Date(outcome.resetsAt).toISOString() };
  const error = { code: outcome.code, message: outcome.message.slice(0, 4000), ...resets };
  return { type: 'turn_finished', status: 'error', error, ...usage };
}

/** What people may see of a text: without <internal> blocks, which are the agent's notes to itself. */
export function visible(text: string): string {
  return text.replace(/<internal>[\s\S]*?(?:<\/internal>|$)/gi, '').trim();
}

/** Of a text that is not finished: what people may see of it, or the end of that. */
export function draftOf(text: string): string {
  // A tag that is only just being written may become <internal>.
  const seen = visible(text.replace(/<[a-z]{0,8}$/i, ''));
  return seen.length <= MAX_DRAFT_LENGTH ? seen : seen.slice(-MAX_DRAFT_LENGTH).toWellFormed();
}

/** Cuts a text into parts that fit an event, never between the halves of a surrogate pair. */
export function parts(text: string, length = TEXT_PART_LENGTH): string[] {
  const found: string[] = [];
  for (let start = 0; start < text.length; ) {
    let end = Math.min(start + length, text.length);
    if (end < text.length && /[\uD800-\uDBFF]/.test(text.charAt(end - 1))) end -= 1;
    found.push(text.slice(start, end));
    start = end;
  }
  return found;
}
