/**
 * What a figure runs against: a simulator as the Bot API of its own, a temporary home, and daemons as real processes
 * with a written environment. Nothing of the machine's own settings reaches them.
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { databaseFile } from '../../src/db/open.ts';
import { createDb, type Db } from '../../src/db.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { projectRoot } from '../../src/lib/project-root.ts';
import { registerGroup } from '../../src/registry.ts';
import {
  createSimulator,
  type Simulator,
  type SimulatorOptions,
  serveSimulator,
} from '../../src/simulator/simulator.ts';
import { iso } from '../../src/types.ts';
import type { BenchContext } from '../figure.ts';
import { type Started, start, within } from './processes.ts';

export const TOKEN = '4200000042:benchmark-on-loopback-only';
const START_LIMIT_MS = 60_000;
const CONFIRM_LIMIT_MS = 120_000;

export interface World {
  sim: Simulator;
  home: string;
  /** What commands and daemons of this home are given. */
  env: Record<string, string>;
  /** Registers chats before a daemon runs; their folders are `g0`, `g1`, …; returns the chat ids. */
  addGroups(count: number, options?: { requiresTrigger?: boolean }): number[];
  /** Makes the simulator know the first groups that seed() registers; returns the chat ids. */
  knowGroups(count: number): number[];
  /** Resolves when the daemon has confirmed every update that waits now. */
  allConfirmed(): Promise<void>;
  withDb<T>(work: (db: Db) => T): T;
  /** A daemon whose first poll has arrived. */
  daemon(settings?: Record<string, string>): Promise<Daemon>;
  dispose(): Promise<void>;
}

export interface Daemon extends Started {
  /** From its start (ms). */
  firstPollMs: number;
  /** Resolves when agents can run. */
  ready(): Promise<void>;
}

export async function openWorld(
  bench: Pick<BenchContext, 'cleanups' | 'daemonNodeArgs'>,
  settings: Record<string, string> = {},
  simulator: Pick<SimulatorOptions, 'strictLimits'> = {},
): Promise<World> {
  const home = mkdtempSync(path.join(tmpdir(), 'nanoclaw-bench-'));
  chmodSync(home, 0o755);
  const sim = createSimulator({ token: TOKEN, clock: systemClock, ...simulator });
  const { url, close } = await serveSimulator(sim);
  const undo = bench.cleanups.add(async () => {
    await close();
    rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  });
  const env: Record<string, string> = {
    NANOCLAW_HOME: home,
    HTTP_PORT: '0',
    TZ: 'UTC',
    TELEGRAM_API_ROOT: url,
    TELEGRAM_BOT_TOKEN: TOKEN,
    AGENT_PROVIDER: 'offline',
    CONTAINER_RUNTIME: 'process',
    ...settings,
  };

  function withDb<T>(work: (db: Db) => T): T {
    const db = createDb(databaseFile(home));
    try {
      return work(db);
    } finally {
      db.close();
    }
  }

  const addChat = (i: number): number =>
    sim.addChat({ id: -6_000_000_000 - i, type: 'group', title: `Group ${i}`, members: ['you'] }).id;

  return {
    sim,
    home,
    env,
    withDb,
    knowGroups: (count) => Array.from({ length: count }, (_, i) => addChat(i)),
    allConfirmed() {
      const confirmed = new Promise<void>((resolve) => {
        const off = sim.on('update-confirmed', () => {
          // Emitted while they are taken out one by one: nothing is left after the last.
          if (sim.updates.pendingCount > 0) return;
          off();
          resolve();
        });
      });
      return within('the last update to be confirmed', CONFIRM_LIMIT_MS, confirmed);
    },
    addGroups(count, { requiresTrigger = false } = {}) {
      const now = () => iso(Date.now());
      return withDb((db) =>
        Array.from({ length: count }, (_, i) => {
          const id = addChat(i);
          const group = { chatJid: String(id), name: `Group ${i}`, folder: `g${i}`, requiresTrigger };
          registerGroup({ db, home, assistantName: 'Nina', now }, group, 'bench');
          return id;
        }),
      );
    },
    async daemon(more = {}) {
      const polled = sim.next('poll').then(() => performance.now());
      const started = start(bench.cleanups, {
        args: [...bench.daemonNodeArgs, path.join(projectRoot(), 'dist', 'index.js')],
        env: { ...env, ...more },
        cwd: home,
      });
      const ended = started.exited.then((code) => {
        throw new Error(`the daemon ended with ${code}:\n${started.output()}`);
      });
      ended.catch(() => {}); // later ends are the figure's own doing
      const firstPoll = await within('the first poll', START_LIMIT_MS, Promise.race([polled, ended]));
      return {
        ...started,
        firstPollMs: firstPoll - started.startedAt,
        ready: async () => {
          await within('the agents', 20 * START_LIMIT_MS, started.said('agents can run'));
        },
      };
    },
    dispose: undo,
  };
}
