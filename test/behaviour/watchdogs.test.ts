/** Watchdogs on a stepped clock: what is wedged is begun anew, then ends the process; what only waits is left alone. */
import { renameSync, writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { databaseFile } from '../../src/db/open.ts';
import { NetworkError, TelegramError } from '../../src/telegram/api.ts';
import { createPendingCount } from '../../src/telegram/pending-count.ts';
import { createPoller } from '../../src/telegram/poller.ts';
import { createDatabaseWatchdog } from '../../src/watchdog/database.ts';
import { createPollWatchdog } from '../../src/watchdog/poll.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createScriptedPolling } from '../support/scripted-telegram.ts';
import { createTestLog, createWorld } from '../support/world.ts';

const LIMIT_MS = 60_000;

/** What a watchdog says of problems, and whether it gave up. */
function createWitness() {
  const reports: string[] = [];
  const reasons: string[] = [];
  return {
    reports,
    reasons,
    parts: {
      problems: {
        report: (kind: string) => void reports.push(kind),
        solved: (kind: string) => {
          if (reports.includes(kind)) reports.push(`${kind} solved`);
        },
      },
      giveUp: (reason: string) => void reasons.push(reason),
    },
  };
}

describe('the watchdog on the poller', () => {
  function createHarness() {
    const clock = createFakeClock();
    const { log, events } = createTestLog();
    const scripted = createScriptedPolling();
    const witness = createWitness();
    const network = { up: true, probes: 0, connections: 1 };
    const poller = createPoller({
      telegram: { ...scripted.telegram, reconnect: () => void network.connections++ } as never,
      clock,
      log,
      pollTimeoutS: 50,
      offset: () => 0,
      store: () => {},
    });
    const watchdog = createPollWatchdog({
      ...witness.parts,
      clock,
      log,
      poller,
      limitMs: LIMIT_MS,
      probe: async () => {
        network.probes += 1;
        if (!network.up) throw new NetworkError('ENETUNREACH', 'no');
      },
    });
    const succeed = async () => {
      scripted.polls.at(-1)?.answer([]);
      await clock.settle();
    };
    return {
      ...witness,
      clock,
      network,
      polls: scripted.polls,
      events,
      async start({ worked = true } = {}) {
        poller.start();
        watchdog.start();
        await clock.settle();
        if (worked) await succeed();
      },
      succeed,
      async failWith(error: Error) {
        scripted.polls.at(-1)?.fail(error);
        await clock.settle();
      },
    };
  }

  it('leaves polls alone that succeed every 50 s, for a day', async () => {
    const { start, clock, succeed, reasons, network } = createHarness();
    await start();
    for (let n = 0; n < 1728; n += 1) {
      await clock.advance(50_000);
      await succeed();
    }
    expect([reasons, network]).toEqual([[], { up: true, probes: 0, connections: 1 }]);
  });

  it('begins a poll anew that hangs although Telegram answers, and that is all when it helps', async () => {
    const { start, clock, polls, succeed, reasons, network, events } = createHarness();
    await start();
    const before = polls.length;
    await clock.advance(75_000);
    expect(events('poll_begun_anew')).toHaveLength(1);
    expect([polls.length, network.connections]).toEqual([before + 1, 2]);
    await succeed();
    for (let n = 0; n < 10; n += 1) {
      await clock.advance(50_000);
      await succeed();
    }
    expect(reasons).toEqual([]);
    expect(events('poll_begun_anew')).toHaveLength(1);
  });

  it('gives up when a new connection does not help', async () => {
    const { start, clock, reasons } = createHarness();
    await start();
    await clock.advance(75_000);
    expect(reasons).toEqual([]);
    await clock.advance(65_000);
    expect(reasons).toEqual([
      expect.stringMatching(/^no poll has succeeded for 1[234]\d s, though Telegram answers/),
    ]);
  });

  it('gives up also when each poll fails by itself, again and again', async () => {
    const { start, clock, failWith, reasons } = createHarness();
    await start();
    for (let n = 0; n < 30 && reasons.length === 0; n += 1) {
      await failWith(new NetworkError('ECONNRESET', 'unknown'));
      await clock.advance(10_000);
    }
    expect(reasons).toHaveLength(1);
  });

  it('never ends a process in which no poll has ever succeeded: that would be a crash loop', async () => {
    const { start, clock, reasons, network } = createHarness();
    await start({ worked: false });
    await clock.advance(24 * 3_600_000);
    expect(reasons).toEqual([]);
    expect(network.connections).toBeGreaterThan(1);
  });

  it('waits for a network that is away, however long, and begins nothing anew when it is back and polls work', async () => {
    const { start, clock, failWith, succeed, reasons, network, polls } = createHarness();
    await start();
    network.up = false;
    for (let n = 0; n < 500; n += 1) {
      await failWith(new NetworkError('ENETUNREACH', 'no'));
      await clock.advance(30_000);
    }
    network.up = true;
    const poll = polls.length;
    await clock.advance(30_000);
    if (polls.length === poll) await clock.advance(1000);
    await succeed();
    await clock.advance(40_000);
    expect([reasons, network.connections]).toEqual([[], 1]);
  });

  it.each([
    ['telegram_token', new TelegramError(401, 'Unauthorized')],
    ['telegram_conflict', new TelegramError(409, 'Conflict: terminated by other getUpdates request')],
  ])(
    'reports a refusal that lasts (%s), does not end the process for it, and says when it is over',
    async (kind, error) => {
      const { start, clock, failWith, succeed, reasons, reports, network } = createHarness();
      await start();
      await failWith(error);
      await clock.advance(30_000);
      expect(reports).toEqual([]);
      for (let n = 0; n < 20; n += 1) {
        await failWith(error);
        await clock.advance(30_000);
      }
      expect(new Set(reports)).toEqual(new Set([kind]));
      await succeed();
      await clock.advance(10_000);
      expect(reports.at(-1)).toBe(`${kind} solved`);
      expect([reasons, network.connections]).toEqual([[], 1]);
    },
  );

  it.each([new TelegramError(502, 'Bad Gateway'), new TelegramError(429, 'Too Many Requests', 3600)])(
    'leaves alone what Telegram itself answers: $status',
    async (error) => {
      const { start, clock, failWith, reasons, network } = createHarness();
      await start();
      for (let n = 0; n < 20; n += 1) {
        await failWith(error);
        await clock.advance(30_000);
      }
      expect([reasons, network.connections]).toEqual([[], 1]);
    },
  );

  it('counts from the resume when the machine was suspended', async () => {
    const { clock, events, reasons } = createHarness();
    let silentMs = 0;
    let connections = 0;
    const suspended = { offset: 0 };
    const watchdog = createPollWatchdog({
      ...createWitness().parts,
      clock: { ...clock, monotonic: () => clock.monotonic() + suspended.offset },
      log: createTestLog().log,
      poller: {
        status: () => ({ bot: null, lastSuccessAt: 1, problem: null }),
        health: () => ({ silentMs, everWorked: true, refusal: null }),
        beginAnew: () => void connections++,
      },
      limitMs: LIMIT_MS,
      probe: async () => {},
    });
    watchdog.start();
    await clock.advance(20_000);
    suspended.offset = 8 * 3_600_000;
    silentMs = suspended.offset;
    await clock.advance(60_000);
    expect(connections).toBe(0);
    await clock.advance(20_000);
    expect(connections).toBe(1);
    expect([events('poll_begun_anew'), reasons]).toEqual([[], []]);
    watchdog.stop();
  });
});

describe('the watchdog on the database', () => {
  function createHarness() {
    const world = createWorld();
    const witness = createWitness();
    const { log } = createTestLog();
    const { db, clock, home } = world;
    const disk = { free: 1e9, failure: null as Error | null };
    const inbox: typeof db.inbox = {
      ...db.inbox,
      setMeta(...given) {
        if (disk.failure) throw disk.failure;
        db.inbox.setMeta(...given);
      },
    };
    createDatabaseWatchdog({
      ...witness.parts,
      db: { ...db, inbox },
      clock,
      log,
      file: databaseFile(home),
      limitMs: LIMIT_MS,
      freeBytes: () => disk.free,
    }).start();
    return { ...world, ...witness, disk, file: databaseFile(home) };
  }

  it('lets a database alone that can be written', async () => {
    const { clock, reasons, reports, db } = createHarness();
    await clock.advance(3_600_000);
    expect([reasons, reports]).toEqual([[], []]);
    expect(Date.parse(db.inbox.meta('last_write') ?? '')).toBe(clock.now());
  });

  it('waits while the disk is full, however long', async () => {
    const { clock, reasons, reports, disk } = createHarness();
    const io = new Database.SqliteError('disk I/O error', 'SQLITE_IOERR_WRITE');
    for (const [failure, free] of [
      [new Database.SqliteError('database or disk is full', 'SQLITE_FULL'), 1e9],
      [io, 4096],
      [null, 4096],
      [new Database.SqliteError('database is locked', 'SQLITE_BUSY'), 1e9],
    ] as const) {
      reports.length = 0;
      Object.assign(disk, { failure, free });
      await clock.advance(3_600_000);
      expect(reasons).toEqual([]);
      expect(new Set(reports)).toEqual(new Set(['disk']));
      Object.assign(disk, { failure: null, free: 1e9 });
      await clock.advance(30_000);
      expect(reports.at(-1)).toBe('disk solved');
    }
    disk.failure = io;
    await clock.advance(120_000);
    expect(reasons[0]).toMatch(/disk I\/O error$/);
  });

  it('gives up on one that stays read-only, and not on one that was for a moment', async () => {
    const { clock, reasons, reports, db } = createHarness();
    db.sqlite.pragma('query_only = ON');
    await clock.advance(61_000);
    db.sqlite.pragma('query_only = OFF');
    await clock.advance(31_000);
    expect([reasons, reports.at(-1)]).toEqual([[], 'disk solved']);
    db.sqlite.pragma('query_only = ON');
    await clock.advance(95_000);
    expect(reasons).toEqual([
      expect.stringMatching(/^the database has not been writable for 60 s: .*readonly/),
    ]);
  });

  it('gives up when the file is replaced or removed, at the second look', async () => {
    const { clock, reasons, file } = createHarness();
    renameSync(file, `${file}.aside`);
    await clock.advance(30_000);
    expect(reasons).toEqual([]);
    renameSync(`${file}.aside`, file);
    await clock.advance(60_000);
    expect(reasons).toEqual([]);
    renameSync(file, `${file}.aside`);
    writeFileSync(file, 'another one');
    await clock.advance(61_000);
    expect(reasons[0]).toBe(`${file} was removed or replaced while it was in use`);
  });
});

describe('how much waits at Telegram', () => {
  it('is asked once for those who ask together, serves for five seconds, and is unknown without an answer', async () => {
    const clock = createFakeClock();
    let asked = 0;
    let answer = Promise.withResolvers<{ pending: number; url: string }>();
    const count = createPendingCount(
      {
        webhookInfo: () => {
          asked += 1;
          return answer.promise;
        },
      },
      clock,
    );
    expect(count.known()).toBeNull();
    const both = Promise.all([count.ask(), count.ask()]);
    answer.resolve({ pending: 7, url: '' });
    await both;
    await count.ask();
    expect([count.known(), asked]).toEqual([7, 1]);
    await clock.advance(5000);
    expect(count.known()).toBeNull();

    answer = Promise.withResolvers();
    let over = false;
    void count.ask().then(() => {
      over = true;
    });
    await clock.advance(2999);
    expect(over).toBe(false);
    await clock.advance(1);
    expect([over, count.known(), asked]).toEqual([true, null, 2]);
    answer.reject(new NetworkError('timeout', 'unknown'));
    await clock.settle();
    expect([count.known(), clock.timers()]).toEqual([null, 0]);
  });
});
