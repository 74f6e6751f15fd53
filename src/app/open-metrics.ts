/** The metrics of the running daemon: what the database does not know comes from its status. */
import type { Config } from '../config.ts';
import type { Db } from '../db.ts';
import type { Clock } from '../lib/clock.ts';
import { programVersion } from '../lib/project-root.ts';
import { createMetrics, type Metrics } from '../metrics.ts';
import { PROBLEM_KINDS } from '../problems.ts';
import { isConnected, notReady } from '../status.ts';
import type { Poller } from '../telegram/poller.ts';
import type { DaemonStatusSource } from './daemon-status.ts';

export function openMetrics(options: {
  config: Config;
  db: Db;
  clock: Clock;
  poller: Pick<Poller, 'health'>;
  status: Pick<DaemonStatusSource, 'live' | 'askMemory'>;
}): Metrics {
  const { config, db, clock, poller, status } = options;
  const version = programVersion();
  return createMetrics({
    db,
    clock,
    home: config.home,
    problemKinds: PROBLEM_KINDS,
    async live() {
      await status.askMemory();
      const live = status.live();
      return {
        info: { version, provider: live.provider, runtime: live.runtime.name },
        ready: notReady(live).length === 0,
        connected: isConnected(live),
        pollAgeMs: poller.health().silentMs,
        watchdogTimeoutMs: config.watchdogTimeoutMs,
        queue: {
          running: live.queue.running.length,
          waiting: live.queue.waiting.length,
          backingOff: live.queue.backingOff.length,
        },
        containers: live.agents,
        problems: live.problems.map(({ kind }) => kind),
      };
    },
  });
}
