/** Starts the watchdogs on poller and database, with limits that fit the polls. The event loop's starts in index.ts. */
import type { Config } from '../config.ts';
import { databaseFile } from '../db/open.ts';
import type { Db } from '../db.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../log.ts';
import type { Problems } from '../problems.ts';
import type { TelegramLink } from '../telegram/api.ts';
import { POLL_GRACE_S } from '../telegram/grammy-api.ts';
import { POLL_TIMEOUT_S, type Poller } from '../telegram/poller.ts';
import { createDatabaseWatchdog, freeBytes } from '../watchdog/database.ts';
import { createPollWatchdog } from '../watchdog/poll.ts';

export interface StartWatchdogsOptions {
  config: Config;
  clock: Clock;
  log: Logger;
  db: Db;
  telegram: Partial<TelegramLink>;
  poller: Poller;
  pollTimeoutS: number | undefined;
  problems: Problems;
  giveUp: (reason: string) => void;
}

/** Returns how to stop them. Does nothing when WATCHDOG_TIMEOUT is 0. */
export function startWatchdogs(options: StartWatchdogsOptions): () => void {
  const { config, telegram, pollTimeoutS = POLL_TIMEOUT_S } = options;
  const limitMs = config.watchdogTimeoutMs;
  if (limitMs === 0) return () => {};
  const { probe } = telegram;
  const watchdogs = [
    createPollWatchdog({
      ...options,
      // A poll that is in flight is nothing to worry about.
      limitMs: Math.max(limitMs, (pollTimeoutS + POLL_GRACE_S) * 1000),
      probe: probe ? () => probe() : null,
    }),
    createDatabaseWatchdog({ ...options, file: databaseFile(config.home), limitMs, freeBytes }),
  ];
  for (const watchdog of watchdogs) watchdog.start();
  return () => {
    for (const watchdog of watchdogs) watchdog.stop();
  };
}
