/**
 * One life of a daemon: the real wiring on the home as it is, with a clock, a Telegram, a runtime, file events and chance of ours.
 * It can be killed at any of its calls to the outside: the call throws, and from then on nothing it does has an effect.
 * Its database is closed, its home has moved away, its timers and answers never come. What was committed stays.
 */
import { mkdirSync, renameSync } from 'node:fs';
import path from 'node:path';
import pino from 'pino';
import type { Overrides } from '../../src/app/overrides.ts';
import { wire } from '../../src/app/wire.ts';
import { loadConfig } from '../../src/config.ts';
import { databaseFile } from '../../src/db/open.ts';
import { createDb, type Db } from '../../src/db.ts';
import type { Clock } from '../../src/lib/clock.ts';
import type { Reach } from '../../src/lib/failpoint.ts';
import { createReleasers } from '../../src/lib/releasers.ts';
import type { Logger } from '../../src/log.ts';
import { type RegistryOptions, writeMirror } from '../../src/registry.ts';
import type { AgentRuntime } from '../../src/runtime/agent-runtime.ts';
import type { Telegram } from '../../src/telegram/api.ts';
import { iso } from '../../src/types.ts';
import type { Rng } from './rng.ts';
import type { SendRequest } from './telegram.ts';
import type { Owner } from './timeline.ts';
import { type Observer, watchDb } from './watched-db.ts';
import type { World } from './world.ts';

/** Thrown into a daemon where it is killed, and at every call that it still makes. */
export class Killed extends Error {}

export interface DaemonParts {
  settings: Readonly<Record<string, string>>;
  random: Rng;
  telegram: (daemon: Daemon) => Telegram;
  runtime: (daemon: Daemon) => AgentRuntime;
  observe: Observer;
  logged: (line: string) => void;
  opened: (db: Db) => void;
  /** It died between noting that it sends an entry of the outbox and asking for it. */
  neverAsked: (outboxId: number) => void;
  overrides: Overrides;
  mutate: (db: Db) => Db;
  /** It is gone, however it went. */
  onGone: () => void;
}

/** How long a daemon that was asked to stop may take. */
const STOP_LIMIT_MS = 10_000;
/** A directory's watcher hears of a change within so long, or never. */
const FILE_EVENT_MS = 5;
const FILE_EVENT_LOST = 0.03;

export class Daemon implements Owner {
  alive = true;
  /** The entry of the outbox whose sending was noted last. */
  sendingId: number | null = null;
  /** Requests whose answer it was given in this step. */
  readonly told: SendRequest[] = [];
  readonly home: string;
  readonly number: number;
  db: Db | null = null;
  readonly #world: World;
  readonly #parts: DaemonParts;
  readonly #releasers = createReleasers();
  readonly #watchers = new Map<string, Set<() => void>>();
  readonly #events: Rng;
  #calls = 0;
  #killAt = Number.POSITIVE_INFINITY;

  constructor(world: World, parts: DaemonParts) {
    this.#world = world;
    this.#parts = parts;
    this.home = world.home;
    this.number = world.homes;
    this.#events = world.rng(`file events ${this.number}`);
  }

  /** Every call to the outside passes here, before and behind its effect. */
  touch(where: string): void {
    if (!this.alive) throw new Killed();
    this.#calls += 1;
    if (this.#calls < this.#killAt) return;
    this.kill(where);
    throw new Killed();
  }

  /** It will die at the call that comes after so many others. */
  killAfter(calls: number): void {
    this.#killAt = this.#calls + calls;
  }

  start(): void {
    const world = this.#world;
    world.daemon = this;
    world.lives.push({ from: world.timeline.now, to: Number.POSITIVE_INFINITY });
    world.note('daemon starts', { number: this.number, wall: iso(world.timeline.wall()) });
    try {
      this.#wire();
    } catch (error) {
      if (error instanceof Killed) return;
      world.violated('daemon', `the daemon does not start: ${String(error)}`);
      if (this.alive) this.kill('start');
    }
  }

  #wire(): void {
    const world = this.#world;
    const { home } = this;
    const parts = this.#parts;
    mkdirSync(home, { recursive: true });
    const config = loadConfig({ ...parts.settings, NANOCLAW_HOME: home, HOME: home }, '/');
    const reach: Reach = (step) => {
      this.touch(step);
    };
    const opened = createDb(databaseFile(home), { reach });
    this.db = opened;
    opened.sqlite.pragma('synchronous = OFF'); // what dies here is the process, not the machine
    if (world.diskFull) this.fillDisk(true);
    parts.opened(opened);
    const db = parts.mutate(watchDb(opened, (where) => this.touch(where), parts.observe));
    this.#releasers.add(() => {
      db.close();
    });
    const clock = this.#clock();
    const registry: RegistryOptions = {
      db,
      home,
      assistantName: config.assistantName,
      now: () => iso(clock.now()),
      reach,
    };
    writeMirror(registry);
    wire({
      config,
      log: this.#log(),
      overrides: {
        // An hour's poll costs as much as a minute's, and the watchdogs look every few seconds.
        pollTimeoutS: 3600,
        watchdogs: false,
        startsAtOnce: 2,
        sweepMs: 60_000,
        reconcileMs: 300_000,
        scheduleLookMs: 300_000,
        ...parts.overrides,
        clock,
        random: {
          uuid: () => parts.random.uuid(),
          bytes: (count) => parts.random.bytes(count),
        },
        fileEvents: { watch: (directory, onChange) => this.#watch(directory, onChange) },
        runtime: parts.runtime(this),
      },
      clock,
      releasers: this.#releasers,
      startedAt: world.timeline.wall(),
      db,
      telegram: parts.telegram(this),
      registry,
      url: 'http://127.0.0.1:0',
      giveUp: (reason) => this.kill(reason),
      reach,
    });
  }

  /** The database may not grow any more, or again. */
  fillDisk(isFull: boolean): void {
    const sqlite = this.db?.sqlite;
    if (!sqlite?.open) return;
    const pages = isFull ? Number(sqlite.pragma('page_count', { simple: true })) : 1_000_000;
    sqlite.pragma(`max_page_count = ${pages}`);
  }

  /** SIGTERM. Whoever has not stopped in time is killed, as service managers do. */
  stop(): void {
    this.#world.note('daemon stops', { number: this.number });
    this.#releasers.releaseAll().then(
      () => this.#gone('stopped'),
      (error: unknown) => {
        if (this.alive) this.#world.violated('daemon', `stopping failed: ${String(error)}`);
      },
    );
    this.#world.timeline.in(
      STOP_LIMIT_MS,
      () => {
        this.kill('not stopped in time');
      },
      this,
    );
  }

  /** SIGKILL. */
  kill(where: string): void {
    if (!this.alive) return;
    this.#world.count('kills');
    this.#gone(`killed at ${where}`);
  }

  #gone(how: string): void {
    if (!this.alive) return;
    const world = this.#world;
    this.alive = false;
    world.killedNow = true;
    world.daemon = null;
    const life = world.lives.at(-1);
    if (life) life.to = world.timeline.now;
    // Nobody knows whether it could note what it was told.
    for (const request of this.told) request.told = request.told === 'no' ? 'perhaps-no' : null;
    if (this.sendingId !== null) this.#parts.neverAsked(this.sendingId);
    world.note('daemon gone', { number: this.number, how, calls: this.#calls });
    if (this.db?.sqlite.open) this.db.sqlite.close();
    this.#watchers.clear();
    world.homes += 1;
    renameSync(this.home, world.home);
    this.#parts.onGone();
  }

  #clock(): Clock {
    const { timeline } = this.#world;
    return {
      now: () => {
        this.touch('clock');
        return timeline.wall();
      },
      monotonic: () => {
        this.touch('clock');
        return timeline.now;
      },
      after: (delayMs, callback) => timeline.in(Math.ceil(delayMs), callback, this),
    };
  }

  #log(): Logger {
    const { timeline, trace } = this.#world;
    return pino(
      {
        level: 'debug',
        base: null,
        timestamp: () => `,"time":"${iso(timeline.wall())}"`,
        formatters: { level: (label) => ({ level: label }) },
        serializers: { err: (error: unknown) => (error instanceof Error ? error.message : String(error)) },
      },
      {
        write: (line: string) => {
          if (!this.alive) return;
          trace.note(`${timeline.now} ${line.trimEnd().replaceAll(this.home, '<home>')}`);
          this.#parts.logged(line);
          this.touch('log');
        },
      },
    );
  }

  #watch(directory: string, onChange: () => void): { close(): void } {
    this.touch('watch');
    const key = path.relative(this.home, directory);
    const watching = this.#watchers.get(key) ?? new Set();
    watching.add(onChange);
    this.#watchers.set(key, watching);
    return {
      close: () => {
        watching.delete(onChange);
      },
    };
  }

  /** Relative to the home. */
  fileChanged(directory: string): void {
    const world = this.#world;
    for (const onChange of this.#watchers.get(directory) ?? []) {
      if (world.faults && this.#events.chance(FILE_EVENT_LOST)) continue;
      world.timeline.in(this.#events.between(0, FILE_EVENT_MS), onChange, this);
    }
  }
}
