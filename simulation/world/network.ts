/** The weather between the daemon and Telegram: mostly good, sometimes not, changing at moments of its own. */
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
}

export function createNetwork(world: World): Network {
  const rng: Rng = world.rng('network');
  let weather: Weather = 'good';
  const change = () => {
    weather = weather === 'good' ? rng.weighted({ poor: 5, down: 3, overloaded: 2 }) : 'good';
    world.note('network', { weather });
    world.timeline.in(rng.around(LASTS[weather]), change);
  };
  world.timeline.in(rng.around(LASTS.good), change);
  return {
    fate: () => (world.faults ? rng.weighted(FATES[weather]) : 'ok'),
    latency: () => rng.between(15, 250),
  };
}
