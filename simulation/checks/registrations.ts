/** When which place was registered, as committed: sampled whenever that may have changed. */
import type { Db } from '../../src/db.ts';
import type { SimulatedTelegram } from '../world/telegram.ts';
import type { World } from '../world/world.ts';

export interface Registrations {
  sample(db: Db): void;
  /** Without interruption in these monotonic milliseconds. */
  throughout(place: string, from: number, to: number): boolean;
  sometime(place: string, from: number, to: number): boolean;
}

export function createRegistrations(world: World, telegram: SimulatedTelegram): Registrations {
  const spans = new Map<string, { from: number; to: number | null }[]>();
  const of = (place: string) => spans.get(place) ?? [];
  return {
    sample(db) {
      const { now } = world.timeline;
      const places = new Set(
        db.groups.all().map((g) => telegram.chats.all.get(Number(g.chatJid))?.place ?? g.chatJid),
      );
      for (const place of places)
        if (of(place).at(-1)?.to !== null) spans.set(place, [...of(place), { from: now, to: null }]);
      for (const [place, list] of spans) {
        const last = list.at(-1);
        if (last?.to === null && !places.has(place)) last.to = now;
      }
    },
    throughout: (place, from, to) =>
      of(place).some((span) => span.from <= from && (span.to === null || span.to > to)),
    sometime: (place, from, to) =>
      of(place).some((span) => span.from <= to && (span.to === null || span.to >= from)),
  };
}
