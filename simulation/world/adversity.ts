/** What befalls the machine and the bot: the daemon is killed, stopped and started again, the clock is set, groups take the bot's right to write. */
import type { Daemon } from './daemon.ts';
import type { Rng } from './rng.ts';
import type { SimulatedTelegram } from './telegram.ts';
import type { World } from './world.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const BETWEEN_DEATHS = 11 * HOUR;
const BETWEEN_JUMPS = 6 * DAY;
const BETWEEN_FULL_DISKS = 9 * DAY;
const FULL_DISK = 20 * MINUTE;
const BETWEEN_MUTES = 20 * HOUR;
/** Well below a week, after which what waits is given up. */
const MUTE = 8 * HOUR;
/** Of sends that are refused in one such time: one finds it out, a few more whose answer was lost, or which were under way. */
const MOST_REFUSED = 8;

export interface Adversity {
  /** How long nobody starts the next daemon. */
  downtime(): number;
  /** The daemon that was just made may be one that dies at its start. */
  starting(daemon: Daemon): void;
}

export function createAdversity(world: World, telegram: SimulatedTelegram): Adversity {
  const rng: Rng = world.rng('adversity');
  const { timeline } = world;
  let killsAtArrival = false;
  telegram.onArrival = (daemon) => {
    if (!killsAtArrival || !world.faults) return;
    killsAtArrival = false;
    daemon.kill('the arrival of a message');
  };

  function strike(): void {
    const { daemon } = world;
    if (world.faults && daemon) {
      const how = rng.weighted({ 'at a call': 6, now: 2, 'at an arrival': 2, 'by SIGTERM': 2 });
      if (how === 'at a call') daemon.killAfter(rng.between(1, rng.chance(0.5) ? 60 : 600));
      else if (how === 'now') daemon.kill('a moment of its own');
      else if (how === 'by SIGTERM') daemon.stop();
      else killsAtArrival = true;
    }
    timeline.in(rng.around(BETWEEN_DEATHS), strike);
  }

  function setClock(): void {
    if (world.faults) {
      const ms = rng.weighted({ little: 5, hours: 3, day: 1 });
      const by = { little: 90 * SECOND, hours: 5 * HOUR, day: DAY }[ms];
      const jump = rng.between(-by, by);
      timeline.jump(jump);
      world.count('clock jumps');
      world.note('clock set', { jump });
    }
    timeline.in(rng.around(BETWEEN_JUMPS), setClock);
  }

  function fillDisk(isFull: boolean): void {
    if (isFull && !world.faults) return;
    world.diskFull = isFull;
    world.note('disk', { isFull });
    if (isFull) world.count('full disks');
    if (isFull) world.fullDisks.push({ from: timeline.now, to: Number.POSITIVE_INFINITY });
    const last = world.fullDisks.at(-1);
    if (last && !isFull) last.to = timeline.now;
    world.daemon?.fillDisk(isFull);
    timeline.in(rng.around(isFull ? FULL_DISK : BETWEEN_FULL_DISKS), () => fillDisk(!isFull));
  }

  const rights: Rng = world.rng('rights');
  function mute(): void {
    const groups = [...telegram.chats.all.values()].filter(
      ({ type, movedTo, refused }) => type !== 'private' && movedTo === null && refused === null,
    );
    if (world.faults && groups.length > 0) {
      const chat = rights.pick(groups);
      telegram.restrict(chat, true, rights.chance(0.5));
      world.count('times that the bot may not write');
      timeline.in(Math.min(3 * DAY, rights.around(MUTE)), () => {
        if ((chat.refused ?? 0) > MOST_REFUSED)
          world.violated('limits', `${chat.refused} sends in ${chat.place}, where the bot may not write`);
        telegram.restrict(chat, false, rights.chance(0.5));
      });
    }
    timeline.in(rights.around(BETWEEN_MUTES), mute);
  }

  timeline.in(rights.around(BETWEEN_MUTES), mute);
  timeline.in(rng.around(BETWEEN_DEATHS), strike);
  timeline.in(rng.around(BETWEEN_JUMPS), setClock);
  timeline.in(rng.around(BETWEEN_FULL_DISKS), () => fillDisk(true));
  return {
    downtime() {
      if (!world.faults) return SECOND;
      const which = rng.weighted({ seconds: 16, minutes: 4, hours: 2 });
      return {
        seconds: rng.between(500, 8000),
        minutes: rng.around(10 * MINUTE),
        hours: rng.around(4 * HOUR),
      }[which];
    },
    starting(daemon) {
      // Deaths come in series: what a start repairs must stand being cut off, too.
      if (world.faults && rng.chance(0.25)) daemon.killAfter(rng.between(1, 400));
    },
  };
}
