/** What the parts of the world share: time, chance, the trace, the home on the disk and the daemon that lives now. */
import path from 'node:path';
import type { GroupPaths } from '../../src/mailbox/layout.ts';
import { groupPaths } from '../../src/mailbox/layout.ts';
import type { Daemon } from './daemon.ts';
import { createRng, type Rng } from './rng.ts';
import { Timeline } from './timeline.ts';
import type { Trace } from './trace.ts';

export type Guarantee = 'G1' | 'G2' | 'G3' | 'G4' | 'limits' | 'daemon' | 'determinism';

export interface Violation {
  guarantee: Guarantee;
  /** In plain words. */
  what: string;
}

/** How often things were, for the report. */
export type Figures = Record<string, number>;

export class World {
  readonly timeline: Timeline;
  readonly violations: Violation[] = [];
  readonly figures: Figures = {};
  /** False once the history is over and everything is to come to rest. */
  faults = true;
  /** The daemon that runs now. */
  daemon: Daemon | null = null;
  /** When daemons lived, in monotonic milliseconds. */
  readonly lives: { from: number; to: number }[] = [];
  /** The database of a daemon may not grow. */
  diskFull = false;
  /** When the disk was full, in monotonic milliseconds. */
  readonly fullDisks: { from: number; to: number }[] = [];
  /** A daemon was killed during this step. */
  killedNow = false;
  readonly seed: number;
  readonly trace: Trace;
  readonly root: string;
  readonly startsAt: number;
  /** How many daemons there have been: the home moves with each, so that a dead one cannot reach it. */
  homes = 0;

  constructor(seed: number, trace: Trace, root: string, startsAt: number) {
    this.seed = seed;
    this.trace = trace;
    this.root = root;
    this.startsAt = startsAt;
    this.timeline = new Timeline(startsAt);
  }

  get home(): string {
    return path.join(this.root, `home-${this.homes}`);
  }

  rng(label: string): Rng {
    return createRng(this.seed, label);
  }

  /** The mailbox where it lies now. */
  paths(folder: string): GroupPaths {
    return groupPaths(this.home, folder);
  }

  /** True time in milliseconds, whatever the machine's clock shows: Telegram's. */
  trueTime(): number {
    return this.startsAt + this.timeline.now;
  }

  count(what: string, by = 1): void {
    this.figures[what] = (this.figures[what] ?? 0) + by;
  }

  note(kind: string, details: Record<string, unknown>): void {
    this.trace.note(`${this.timeline.now} ${kind} ${JSON.stringify(details)}`);
  }

  violated(guarantee: Guarantee, what: string): void {
    this.violations.push({ guarantee, what });
    this.note('VIOLATED', { guarantee, what });
  }

  /** Something was renamed into a directory of the home (given relative to it): whoever watches may hear of it. */
  fileChanged(directory: string): void {
    this.daemon?.fileChanged(directory);
  }
}
