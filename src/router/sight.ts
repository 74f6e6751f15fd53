/** What is known of a running turn for those who show it: since when, what its agent does, and what it has written so far. */
import type { Turn } from '../db/turn-row.ts';
import type { Clock } from '../lib/clock.ts';
import type { AgentEvent } from '../protocol.ts';

export interface Sight {
  readonly turn: Turn;
  /** Since the turn began. */
  elapsedMs(): number;
  /** A tool's name or a plain word; null as long as the agent has said nothing. */
  activity(): string | null;
  /** The answer as far as it was written, or its end; empty when there is nothing. */
  draft(): string;
  saw(event: AgentEvent): void;
  /** Aborted by the next change, or the end. */
  changed(): AbortSignal;
  end(): void;
  readonly over: AbortSignal;
}

/** A place where a turn can be shown. */
export interface Surface {
  /** Looks, and shows it if it may: ms until it is worth looking again, null: not before something changes; 'elsewhere': never here. */
  show(sight: Sight): Promise<number | null | 'elsewhere'>;
}

/** What an agent may call what it does: its word is shown to people, so it is no more than a name. */
const NAME = /^[\p{L}\p{N}][\p{L}\p{N} ._:-]{0,39}$/u;
/** Fits one message, whatever the formatting makes of it. */
const LONGEST_DRAFT = 3500;

export function createSight(turn: Turn, clock: Clock): Sight {
  // One that was adopted has begun before: by the wall clock, which may have been set back meanwhile.
  const beganMs = turn.startedAt === null ? 0 : Math.max(0, clock.now() - Date.parse(turn.startedAt));
  const from = clock.monotonic() - beganMs;
  const over = new AbortController();
  let change = new AbortController();
  let activity: string | null = null;
  let said = '';
  let writing = '';

  return {
    turn,
    over: over.signal,
    elapsedMs: () => clock.monotonic() - from,
    activity: () => activity,
    draft: () => ending([said, writing].filter(Boolean).join('\n\n')),
    saw(event) {
      if (event.type === 'text') {
        said = ending(said === '' ? event.text : `${said}\n\n${event.text}`);
        writing = '';
      } else if (event.type === 'progress') {
        activity = NAME.test(event.activity) ? event.activity : 'working';
        if (event.draft !== undefined) writing = event.draft;
      } else return;
      change.abort();
    },
    changed() {
      if (change.signal.aborted && !over.signal.aborted) change = new AbortController();
      return change.signal;
    },
    end() {
      over.abort();
      change.abort();
    },
  };
}

/** From a line on, if there is one. */
function ending(text: string): string {
  if (text.length <= LONGEST_DRAFT) return text;
  const rest = text
    .slice(-LONGEST_DRAFT)
    .toWellFormed()
    .replace(/^\ufffd/, '');
  const line = rest.indexOf('\n');
  return `…${line >= 0 && line < LONGEST_DRAFT / 2 ? rest.slice(line) : rest}`;
}
