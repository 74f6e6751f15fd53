/**
 * The daemon as a thing that starts and stops. Every service is constructed once (app/wire.ts), with all it needs. What the
 * outside world is made of (clock, Telegram, runtime, file events) can be replaced, so that the whole daemon can
 * run in a test or a simulation. start() brings things up in the order of the straight line; stop() in reverse.
 */
import { createHmac } from 'node:crypto';
import path from 'node:path';
import { healthHandler, metricsHandler, readyHandler, statusHandler } from './app/health.ts';
import type { Overrides } from './app/overrides.ts';
import { registerSeeds } from './app/seeds.ts';
import { type Wired, wire } from './app/wire.ts';
import type { Config } from './config.ts';
import { databaseFile } from './db/open.ts';
import { createDb } from './db.ts';
import { NanoClawError } from './errors.ts';
import { createGuard, type Guard, isSame } from './http/guard.ts';
import { type Handler, startHttpServer } from './http/server.ts';
import { createStatusPage } from './http/status-page.ts';
import { sleep, systemClock } from './lib/clock.ts';
import { createReach } from './lib/failpoint.ts';
import { type HomeLock, lockHome, ownerLives } from './lib/home-lock.ts';
import { createReleasers } from './lib/releasers.ts';
import type { Logger } from './log.ts';
import { meansOf } from './policy/thinking.ts';
import { type RegistryOptions, writeMirror } from './registry.ts';
import { createSimulator, type Simulator } from './simulator/simulator.ts';
import { createPageView } from './status/page-view.ts';
import { type DaemonStatus, notReady } from './status.ts';
import { createTelegram } from './telegram/grammy-api.ts';
import { POLL_TIMEOUT_S } from './telegram/poller.ts';
import { iso } from './types.ts';
import { checkDatabasePages } from './watchdog/pages.ts';

export interface App {
  /** Resolves when messages are taken and stored. Agents may have to wait for their runtime still. */
  start(): Promise<void>;
  /** Idempotent. Stops taking messages, leaves running turns to their containers, closes. */
  stop(): Promise<void>;
  status(): DaemonStatus;
  /** Resolves with the reason when a watchdog has found that only a new process can help. */
  readonly wedged: Promise<string>;
  /** Where the HTTP server listens, after start(). */
  url(): string;
  /** Set when the built-in simulator runs. */
  simulator(): Simulator | null;
}

/**
 * The token the built-in simulator is spoken to with; it is worth nothing elsewhere. Where the address is guarded, it has
 * to be a secret, too: with it one is the bot.
 */
const simulatorToken = (statusToken: string | null): string =>
  `4200000001:${statusToken === null ? 'nanoclaw-simulator-on-loopback' : createHmac('sha256', statusToken).update('simulator').digest('hex')}`;

/** Needs no STATUS_TOKEN: what monitors ask, and the simulator's Bot API, where its own token is in the path. */
const isOpen = (botToken: string) => (path: string) => {
  if (path === '/healthz' || path === '/readyz') return true;
  const given = /^(?:\/file)?\/bot([^/]+)\//.exec(path)?.[1];
  return given !== undefined && isSame(given, botToken);
};

export function createApp(config: Config, log: Logger, overrides: Overrides = {}): App {
  const clock = overrides.clock ?? systemClock;
  const releasers = createReleasers();
  const startedAt = clock.now();
  let running:
    | { url: string; wired: Wired; simulator: Simulator | null; pageView: ReturnType<typeof createPageView> }
    | undefined;
  const wedged = Promise.withResolvers<string>();
  let starting: Promise<void> | undefined;
  let stopped: Promise<void> | undefined;

  async function start(): Promise<void> {
    const reach = createReach(config.failpoints);
    if (reach)
      log.error(
        { event: 'failpoints_on', failpoints: config.failpoints },
        'FAILPOINTS is set: this daemon fails on purpose. Never run it like this for people.',
      );
    const lock = await lockPatiently();
    releasers.add(() => lock.release());
    const db = createDb(databaseFile(config.home), {
      reach,
      holdsLock: true,
      onUpgrade: ({ from, to, backup }) =>
        log.info({ event: 'schema_upgraded', from, to, backup }, 'the database was copied, then upgraded'),
    });
    releasers.add(() => db.close());
    releasers.add(
      checkDatabasePages({ db, file: databaseFile(config.home), clock, onDamage: wedged.resolve }),
    );

    // The simulator and the status share one server, which must listen before the poller can talk to it.
    const botToken = simulatorToken(config.http.token);
    const simulator = config.telegram.token === null && !overrides.telegram ? openSimulator(botToken) : null;
    const guard: Guard | null =
      config.http.token === null
        ? null
        : createGuard({ token: config.http.token, clock, isOpen: isOpen(botToken) });
    const page = createStatusPage({
      clock,
      read: () => running?.pageView(),
      onError: (message) => log.warn({ event: 'page_failed' }, message),
    });
    releasers.add(() => page.close());
    const handlers: Handler[] = [
      statusHandler(async () => running?.wired.freshStatus()),
      healthHandler,
      metricsHandler(() => running?.wired.metrics),
      readyHandler(
        () => (running ? notReady(running.wired.live()) : null),
        (req) => guard?.knows(req) ?? true,
      ),
      page.handle,
      ...(simulator ? [simulator.handle] : []),
      toPage(simulator ? '/sim/' : '/status/'),
    ];
    const http = await startHttpServer({ host: config.http.host, port: config.http.port, handlers, guard });
    releasers.add(() => http.close());
    const info = {
      pid: process.pid,
      started_at: iso(startedAt),
      url: http.url,
      simulator: simulator !== null,
    };
    lock.publish(info);

    const telegram =
      overrides.telegram ??
      createTelegram(
        config.telegram.token ?? botToken,
        simulator ? http.url : config.telegram.apiRoot,
        overrides.pollTimeoutS ?? POLL_TIMEOUT_S,
      );
    const registry: RegistryOptions = {
      db,
      home: config.home,
      assistantName: config.assistantName,
      now: () => iso(clock.now()),
      thinking: { defaults: config.thinking, means: meansOf(config) },
      reach,
    };
    if (simulator) registerSeeds(registry);
    writeMirror(registry);
    const wired = wire({
      config,
      log,
      overrides,
      clock,
      releasers,
      startedAt,
      db,
      telegram,
      registry,
      url: http.url,
      giveUp: wedged.resolve,
      reach,
    });
    const pageView = createPageView({
      timezone: config.timezone,
      db,
      clock,
      status: wired.status,
      assistantName: config.assistantName,
      simulator: simulator !== null,
    });
    running = { url: http.url, simulator, wired, pageView };
  }

  /** A daemon that was killed may keep the lock for a moment longer than it shows as running. */
  async function lockPatiently(): Promise<HomeLock> {
    for (let tries = 0; ; tries += 1) {
      try {
        return lockHome(config.home);
      } catch (error) {
        const ending =
          error instanceof NanoClawError && error.code === 'HOME_LOCKED' && !ownerLives(config.home);
        if (!ending || tries >= 10) throw error;
        await sleep(clock, 100);
      }
    }
  }

  function openSimulator(token: string): Simulator {
    const simulator = createSimulator({
      token,
      botName: config.assistantName,
      clock,
      stateFile: path.join(config.home, 'data', 'simulator.json'),
      statusPath: '/status/',
      // Behind the guard a name that leads here brings no cookie.
      ...(config.http.token === null ? {} : { pageHosts: 'any' as const }),
    });
    releasers.add(() => simulator.close());
    return simulator;
  }

  return {
    start: () => (starting ??= start()),
    stop() {
      stopped ??= (async () => {
        await starting?.catch(() => {});
        await releasers.releaseAll();
      })();
      return stopped;
    },
    status: () => {
      if (!running) throw new Error('not started');
      return running.wired.status();
    },
    wedged: wedged.promise,
    url: () => running?.url ?? '',
    simulator: () => running?.simulator ?? null,
  };
}

/** The address that is printed leads to the page that is wanted first. */
const toPage =
  (location: string): Handler =>
  (req, res) => {
    if (req.url !== '/') return false;
    res.writeHead(302, { location }).end();
    return true;
  };
