/**
 * What a chat sees of a turn while it runs, as its group wants it: nothing; "typing…"; or "typing…" and, once the turn has
 * run for a while, what the agent does: in a message with a stop button that is changed in place (progress-message.ts), in a
 * private chat as a draft of the answer (drafts.ts).
 * Invariants: it is decoration: nothing waits for it, it fails nothing, it takes only what the pacing leaves over; of one turn
 * there is one request at a time; that the turn has ended is told by `ended`, not by `Shown.end`, which only says that this
 * process shows nothing more of it. It never shows what a tool was given or has returned.
 */
import type { Turn } from '../db/turn-row.ts';
import type { Db } from '../db.ts';
import { messageOf } from '../errors.ts';
import { type Clock, sleep } from '../lib/clock.ts';
import type { Reach } from '../lib/failpoint.ts';
import type { Logger } from '../log.ts';
import type { AgentEvent } from '../protocol.ts';
import type { Telegram } from '../telegram/api.ts';
import type { TurnId } from '../types.ts';
import { createDrafts } from './drafts.ts';
import type { Pacing } from './pacing.ts';
import { createProgressMessages } from './progress-message.ts';
import { createSight, type Sight, type Surface } from './sight.ts';
import { createTyping } from './typing.ts';

export interface PresenceOptions {
  db: Db;
  clock: Clock;
  log: Logger;
  telegram: Pick<Telegram, 'sendTyping' | 'sendMessage' | 'editMessage' | 'deleteMessage' | 'sendDraft'>;
  pacing: Pacing;
  /** Messages may be worked on from now on, or no more. */
  wakeReactions: () => void;
  /** How long a turn has run before there is more than "typing…" (ms). */
  afterMs: number;
  reach?: Reach | undefined;
}

/** A turn in the eyes of its chat, as long as this process runs it. */
export interface Shown {
  /** What the agent has just said of itself. */
  saw(event: AgentEvent): void;
  end(): void;
}

export interface Presence {
  begin(turn: Turn): Shown;
  /** The turn has ended, however: what stands in the chat goes once the chat has been told all. */
  ended(turn: TurnId): void;
  /** An entry of the outbox that belongs to this turn is settled. */
  settled(turn: TurnId): void;
  /** Sees to what an earlier daemon has left. */
  start(): void;
  /** Begins nothing more; what is in flight may end, within a second. */
  stop(): Promise<void>;
}

const NEVER_MS = 2_147_483_647;
const IN_FLIGHT_MS = 1000;

export function createPresence(options: PresenceOptions): Presence {
  const { db, clock, log, telegram, pacing } = options;
  const stopped = new AbortController();
  const typing = createTyping(telegram, clock, pacing, (jid) => db.groups.find(jid)?.chatJid ?? jid);
  const messages = createProgressMessages({ ...options, stopped: stopped.signal });
  const drafts = createDrafts(options);
  /** What is being shown, until its last request has ended. */
  const following = new Map<TurnId, Promise<void>>();
  const sights = new Set<Sight>();

  function begin(turn: Turn): Shown {
    options.wakeReactions();
    const level = db.groups.byJid(turn.chatJid)?.progress ?? 'off';
    if (level === 'off' || stopped.signal.aborted) return { saw() {}, end() {} };
    const stopTyping = typing(turn.chatJid, turn.threadId);
    const sight = level === 'progress' && isAskedFor(turn) ? createSight(turn, clock) : null;
    if (sight !== null) follow(sight);
    return {
      saw: (event) => sight?.saw(event),
      end() {
        stopTyping();
        sight?.end();
      },
    };
  }

  /** A task that comes due by itself keeps nobody waiting. */
  function isAskedFor({ id, kind }: Turn): boolean {
    return kind === 'messages' || (db.taskRuns.byTurn(id)?.origin.startsWith('telegram:') ?? false);
  }

  function follow(sight: Sight): void {
    const before = following.get(sight.turn.id);
    sights.add(sight);
    const work = Promise.resolve(before)
      .then(() => run(sight))
      .catch((error: unknown) =>
        log.warn({ event: 'progress_failed', turn: sight.turn.id, err: error }, messageOf(error)),
      )
      .finally(() => {
        sights.delete(sight);
        if (following.get(sight.turn.id) === work) following.delete(sight.turn.id);
      });
    following.set(sight.turn.id, work);
  }

  async function run(sight: Sight): Promise<void> {
    let surface: Surface = isPrivate(sight.turn) ? drafts : messages;
    while (!sight.over.aborted && db.sqlite.open) {
      const changed = sight.changed();
      const next = await surface.show(sight);
      if (next === 'elsewhere') surface = messages;
      else await sleep(clock, next ?? NEVER_MS, changed);
    }
  }

  /** Not before the last request of the turn has been answered: what comes behind it is the last word. */
  function look(turn: TurnId): void {
    if (stopped.signal.aborted || !db.sqlite.open || db.progress.ofTurn(turn) === null) return;
    const state = db.turns.byId(turn)?.state;
    if (state === 'queued' || state === 'running' || db.outbox.hasOpenOf(turn)) return;
    void Promise.resolve(following.get(turn)).then(() => messages.clear(turn));
  }

  return {
    begin,
    ended(turn) {
      options.wakeReactions();
      // One that was to be sent when the turn ended is noted by now, or never will be.
      void Promise.resolve(following.get(turn)).then(() => look(turn));
    },
    settled: look,
    start() {
      for (const { turnId } of db.progress.all()) look(turnId);
    },
    async stop() {
      stopped.abort();
      for (const sight of sights) sight.end();
      const inFlight = Promise.allSettled([...following.values(), messages.atRest()]);
      const waited = new AbortController();
      await Promise.race([inFlight, sleep(clock, IN_FLIGHT_MS, waited.signal)]);
      waited.abort();
    },
  };
}

const isPrivate = ({ chatJid }: Turn): boolean => !chatJid.startsWith('-');
