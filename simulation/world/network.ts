/** The weather between the daemon and Telegram: mostly good, sometimes not, changing at moments of its own. */
import { NetworkError, TelegramError } from '../../src/telegram/api.ts';
import type { Daemon } from './daemon.ts';
import type { Rng } from './rng.ts';
import type { World } from './world.ts';

export type Fate =
  /** Accepted, and the answer comes. */
  | 'ok'
  /** Accepted, and the answer comes late. */
  | 'late'
  /** The connection was never made. */
  | 'unreachable'
  /** Nobody answers, and nothing arrived. */
  | 'request-lost'
  /** It arrived, and the answer did not. */
  | 'answer-lost'
  | 'too-many'
  | 'server-error'
  | 'conflict';

type Weather = 'good' | 'poor' | 'down' | 'overloaded';

const FATES: Record<Weather, Record<Fate, number>> = {
  good: {
    ok: 980,
    late: 8,
    unreachable: 2,
    'request-lost': 2,
    'answer-lost': 4,
    'too-many': 2,
    'server-error': 2,
    conflict: 0,
  },
  poor: {
    ok: 55,
    late: 10,
    unreachable: 8,
    'request-lost': 6,
    'answer-lost': 10,
    'too-many': 3,
    'server-error': 5,
    conflict: 3,
  },
  down: {
    ok: 0,
    late: 0,
    unreachable: 92,
    'request-lost': 8,
    'answer-lost': 0,
    'too-many': 0,
    'server-error': 0,
    conflict: 0,
  },
  overloaded: {
    ok: 20,
    late: 10,
    unreachable: 0,
    'request-lost': 0,
    'answer-lost': 2,
    'too-many': 40,
    'server-error': 28,
    conflict: 0,
  },
};
const RESET_MS = 40;
/** When a client gives up. */
export const TIMEOUT_MS = 60_000;
const MINUTE = 60_000;
const LASTS: Record<Weather, number> = {
  good: 16 * 60 * MINUTE,
  poor: 25 * MINUTE,
  down: 30 * MINUTE,
  overloaded: 5 * MINUTE,
};

export interface Network {
  fate(): Fate;
  latency(): number;
  /** One request and its answer. `arrive` happens at Telegram's side, whether the daemon still lives or not. */
  carry<T>(
    daemon: Daemon,
    fate: Fate,
    arrive: () => T,
    answer: (value: T) => void,
    refuse: (error: Error) => void,
  ): void;
}

/** `chance` decides what becomes of single requests; the weather has a chance of its own. */
export function createNetwork(world: World, chance: Rng): Network {
  const { timeline } = world;
  const rng: Rng = world.rng('network');
  let weather: Weather = 'good';
  const change = () => {
    weather = weather === 'good' ? rng.weighted({ poor: 5, down: 3, overloaded: 2 }) : 'good';
    world.note('network', { weather });
    world.timeline.in(rng.around(LASTS[weather]), change);
  };
  world.timeline.in(rng.around(LASTS.good), change);
  const latency = () => rng.between(15, 250);
  return {
    fate: () => (world.faults ? rng.weighted(FATES[weather]) : 'ok'),
    latency,
    carry(daemon, fate, arrive, answer, refuse) {
      const there = latency();
      const back = fate === 'late' ? 20_000 : latency();
      const fail = (delay: number, error: Error) => {
        timeline.in(delay, () => refuse(error), daemon);
      };
      if (fate === 'unreachable') return fail(RESET_MS, lost(fate));
      if (fate === 'request-lost') return fail(chance.chance(0.5) ? TIMEOUT_MS : RESET_MS, lost(fate));
      if (fate === 'server-error') return fail(there, new TelegramError(502, 'Bad Gateway'));
      if (fate === 'too-many')
        return fail(there, new TelegramError(429, 'Too Many Requests', chance.between(1, 40)));
      if (fate === 'conflict')
        return fail(there, new TelegramError(409, 'Conflict: terminated by other getUpdates request'));
      // What a dying process has written to its socket may still go out.
      const goesOut = chance.chance(0.5);
      timeline.in(there, () => {
        if (!daemon.alive && !goesOut) return;
        let result: ReturnType<typeof arrive>;
        try {
          result = arrive();
        } catch (error) {
          if (!(error instanceof TelegramError)) throw error;
          return fail(back, error);
        }
        if (fate === 'answer-lost') fail(chance.chance(0.5) ? TIMEOUT_MS : RESET_MS, lost(fate));
        else timeline.in(back, () => answer(result), daemon);
      });
    },
  };
}

/** What the daemon's HTTP client would say. */
export function lost(fate: Fate): NetworkError {
  return fate === 'unreachable'
    ? new NetworkError('the connection to the Bot API failed (ECONNREFUSED)', 'no')
    : new NetworkError('the connection to the Bot API failed (ECONNRESET)', 'unknown');
}
