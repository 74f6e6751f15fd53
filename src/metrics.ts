/**
 * GET /metrics for Prometheus. Nobody calls this when something happens: at each scrape it reads what has ended since the
 * last one from the tables where the work lives (metrics/follow-ledger.ts), so that the counters agree with the database, a
 * rolled back transaction never counts, and without a scrape it costs nothing. Counters begin at 0 with the process, which
 * Prometheus expects; messages by disposition go on from the database. prom-client is loaded at the first scrape.
 * Invariants: every query is by an index or of the size of what is open now, never of what has been; labels are bounded
 * (metrics/instruments.ts). It changes nothing, and holds no text of people and none of their names.
 */
import { readdirSync, statfsSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Registry } from 'prom-client';
import type { ReplyRow, RunRow, TurnRow } from './db/ledger.ts';
import { databaseFile } from './db/open.ts';
import { PHASES, phaseDurations } from './db/turn-phases.ts';
import type { Db } from './db.ts';
import type { Clock } from './lib/clock.ts';
import { followLedger } from './metrics/follow-ledger.ts';
import { followUsage, type UsageTotals } from './metrics/follow-usage.ts';
import { createInstruments, type Instruments } from './metrics/instruments.ts';

/** What the database does not know. */
export interface LiveFigures {
  info: { version: string; provider: string; runtime: string };
  ready: boolean;
  connected: boolean;
  pollAgeMs: number;
  watchdogTimeoutMs: number;
  queue: { running: number; waiting: number; backingOff: number };
  containers: { group: string; state: string; memoryBytes: number | null }[];
  /** The kind of each problem that is open. */
  problems: string[];
}

export interface MetricsOptions {
  db: Db;
  clock: Clock;
  home: string;
  live: () => Promise<LiveFigures>;
  /** Every kind of problem there is. */
  problemKinds: readonly string[];
}

export interface Metrics {
  /** The exposition in Prometheus' text format. Scrapes that come while one goes on share it. */
  scrape(): Promise<{ contentType: string; text: string }>;
}

/** For what groups that are gone have used; no folder has such a name. */
const UNREGISTERED = '(unregistered)';

/** Counts from here on. */
export function createMetrics(options: MetricsOptions): Metrics {
  const { db, clock } = options;
  const ended: { turns: TurnRow[]; replies: ReplyRow[]; runs: RunRow[] } = {
    turns: [],
    replies: [],
    runs: [],
  };
  const looks = [
    followLedger(db.ledger.turns, (row) => ended.turns.push(row)),
    followLedger(db.ledger.replies, (row) => ended.replies.push(row)),
    followLedger(db.ledger.runs, (row) => ended.runs.push(row)),
  ];
  const usage = followUsage(db.ledger, () => clock.now());
  let opened: Promise<{ registry: Registry; of: Instruments }> | null = null;
  let scraping: Promise<{ contentType: string; text: string }> | null = null;

  async function open() {
    const prometheus = await import('prom-client');
    const registry = new prometheus.Registry();
    prometheus.collectDefaultMetrics({ register: registry });
    return { registry, of: createInstruments(prometheus, registry) };
  }

  async function scrape(): Promise<{ contentType: string; text: string }> {
    opened ??= open();
    const { registry, of } = await opened;
    const live = await options.live();
    for (const look of looks) await look();
    for (const turn of ended.turns.splice(0)) countTurn(of, turn);
    for (const reply of ended.replies.splice(0)) countReply(of, reply);
    for (const run of ended.runs.splice(0)) countRun(of, run);
    showLive(of, live, options.problemKinds);
    showDatabase(of, db, clock.now());
    showUsage(of, usage(), (folder) => db.groups.byFolder(folder) !== null);
    showSizes(of, options.home);
    return { contentType: registry.contentType, text: await registry.metrics() };
  }

  return {
    scrape() {
      scraping ??= scrape().finally(() => {
        scraping = null;
      });
      return scraping;
    },
  };
}

const between = (from: string, to: string): number => Math.max(0, Date.parse(to) - Date.parse(from)) / 1000;

function countTurn(of: Instruments, turn: TurnRow): void {
  const { kind, state: outcome, errorCode, attempt, askedAt, finishedAt } = turn;
  of.turns.inc({ kind, outcome });
  if (errorCode !== null) of.turnErrors.inc({ code: errorCode });
  const durations = phaseDurations(turn);
  for (const phase of PHASES) {
    const ms = durations[phase];
    // A repeated attempt has waited for more than a place.
    if (ms !== null && (phase !== 'queue' || attempt === 1)) of.phases.observe({ phase }, ms / 1000);
  }
  if (kind === 'messages' && outcome === 'done' && askedAt !== null && finishedAt !== null)
    of.answers.observe(between(askedAt, finishedAt));
}

function countReply(of: Instruments, { state: outcome, createdAt, sentAt }: ReplyRow): void {
  of.replies.inc({ outcome });
  if (sentAt !== null) of.delivery.observe(between(createdAt, sentAt));
}

function countRun(of: Instruments, { outcome, origin, latenessMs }: RunRow): void {
  of.taskRuns.inc({ outcome: outcome ?? 'unknown' });
  if (origin === 'schedule' && outcome !== 'skipped' && latenessMs !== null)
    of.taskLateness.observe(latenessMs / 1000);
}

function showLive(of: Instruments, live: LiveFigures, problemKinds: readonly string[]): void {
  of.info.reset();
  of.info.set(live.info, 1);
  of.ready.set(+live.ready);
  of.connected.set(+live.connected);
  of.pollAge.set(live.pollAgeMs / 1000);
  of.watchdogTimeout.set(live.watchdogTimeoutMs / 1000);
  of.queue.set({ state: 'running' }, live.queue.running);
  of.queue.set({ state: 'waiting' }, live.queue.waiting);
  of.queue.set({ state: 'backing_off' }, live.queue.backingOff);
  for (const kind of problemKinds)
    of.problems.set({ kind }, live.problems.filter((open) => open === kind).length);
  for (const state of ['busy', 'idle', 'closing'])
    of.containers.set({ state }, live.containers.filter((one) => one.state === state).length);
  of.containerMemory.reset();
  for (const { group, memoryBytes } of live.containers)
    if (memoryBytes !== null) of.containerMemory.set({ group }, memoryBytes);
}

function showDatabase(of: Instruments, db: Db, nowMs: number): void {
  const turns = db.turns.open();
  for (const state of ['queued', 'running'])
    of.turnsOpen.set({ state }, turns.filter((turn) => turn.state === state).length);
  of.messagesOpen.set(db.ledger.openMessages());
  // These are the database's own counts, which only grow: they are shown, not added to.
  for (const { disposition, count } of db.ledger.dispositions()) {
    of.messages.remove({ disposition });
    of.messages.inc({ disposition }, count);
  }
  const { count, oldest } = db.outbox.backlog();
  of.outbox.set(count);
  of.outboxAge.set(oldest === null ? 0 : Math.max(0, nowMs - Date.parse(oldest)) / 1000);
  of.tasksActive.set(db.ledger.activeTasks());
  of.groups.set(db.ledger.groups());
}

/** Shown afresh each time: a group that was unregistered has no series of its own any more. */
function showUsage(
  of: Instruments,
  totals: ReadonlyMap<string, UsageTotals>,
  isRegistered: (folder: string) => boolean,
): void {
  for (const metric of [of.modelRequests, of.modelFailures, of.modelTokens, of.modelCost]) metric.reset();
  for (const [folder, use] of totals) {
    const group = isRegistered(folder) ? folder : UNREGISTERED;
    of.modelRequests.inc({ group }, use.requests);
    of.modelFailures.inc({ group }, use.failures);
    of.modelTokens.inc({ group, direction: 'input' }, use.input);
    of.modelTokens.inc({ group, direction: 'output' }, use.output);
    of.modelCost.inc({ group }, use.cost);
  }
}

function showSizes(of: Instruments, home: string): void {
  const size = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  of.database.set(size(databaseFile(home)));
  of.wal.set(size(`${databaseFile(home)}-wal`));
  const logs = readdirSync(home).filter((name) => /^nanoclaw\.log(\.\d+)?$/.test(name));
  of.logs.set(logs.reduce((sum, name) => sum + size(path.join(home, name)), 0));
  const { bavail, bsize } = statfsSync(home);
  of.diskFree.set(bavail * bsize);
}
