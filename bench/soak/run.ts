/** A soak from start to end: world, daemon, load, looks; then the load stops and all that is owed must arrive. */
import { rmSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { databaseFile } from '../../src/db/open.ts';
import type { Cleanups } from '../support/cleanups.ts';
import { collectGarbage } from '../support/collect-garbage.ts';
import { pause } from '../support/processes.ts';
import { type Daemon, openWorld, type World } from '../support/world.ts';
import { type Load, type LoadCounts, startLoad } from './load.ts';
import { type Sample, type Sampled, takeSample } from './sample.ts';
import { type Judged, judge, SHORTEST_TREND_MINUTES } from './verdict.ts';

export interface SoakOptions {
  minutes: number;
  /** Messages a second. */
  rate: number;
  groups: number;
}

const MOST_AGENTS = 10;
const LOG = { maxMb: 1, keep: 1 };
/** So short that each bound is reached well before the second half of an hour. */
const SETTINGS = {
  MAX_CONCURRENT_CONTAINERS: String(MOST_AGENTS),
  LOG_LEVEL: 'debug',
  LOG_MAX_MB: String(LOG.maxMb),
  LOG_KEEP: String(LOG.keep),
  KEEP_UPDATES: '5m',
  KEEP_HISTORY: '10m',
  KEEP_TURN_LOGS: '5m',
  KEEP_AUDIT: '10m',
  KEEP_MESSAGES: '10m',
};
const FEWEST_LOOKS = 30;
const LONGEST_BETWEEN_LOOKS_S = 15;
const LOOKS_PER_COLLECTION = 10;
/** From the last message until all is answered; a busy machine is no fault. */
const PATIENCE_S = 300;
/** Whoever has waited for so long is looked up at once: later retention has taken what could tell why. */
const OVERDUE_MS = 120_000;

/** `good`: all was answered once, nothing is left open, nothing grew. */
export async function runSoak(
  options: SoakOptions,
  cleanups: Cleanups,
): Promise<{ lines: string[]; good: boolean }> {
  const say = (line: string) => console.error(`soak: ${line}`);
  const world = await openWorld({ cleanups, daemonNodeArgs: ['--inspect=127.0.0.1:0'] }, SETTINGS);
  const chats = world.addGroups(options.groups, { requiresTrigger: true });
  const daemon = await world.daemon();
  await daemon.ready();
  const looked = { pid: daemon.pid, home: world.home, url: urlOf(daemon), output: daemon.output };
  say(`home ${world.home}, daemon ${daemon.pid}, ${looked.url}`);
  const load = startLoad({
    sim: world.sim,
    chats,
    rate: options.rate,
    fileArrived(chat, name) {
      rmSync(path.join(world.home, 'groups', `g${chats.indexOf(chat)}`, name), { force: true });
    },
  });
  const ended = daemon.exited.then((code) => {
    throw new Error(`the daemon ended with ${code} in the middle of it:\n${daemon.output().slice(-4000)}`);
  });
  ended.catch(() => {}); // its end at the end is ours
  const samples = await Promise.race([look(options, load, looked, say), ended]);
  load.stopTalking();
  const open = await Promise.race([settle(world, load), ended]);
  const counts = load.counts();
  const owed = load.owed(10);
  await daemon.stop();
  await world.dispose();

  const judged = judge(samples, { log: (LOG.keep + 1) * LOG.maxMb + 0.1 });
  const done = counts.unanswered === 0 && counts.doubled === 0 && Object.values(open).every((n) => n === 0);
  const flat = judged.every(({ good }) => good);
  return {
    good: done && flat,
    lines: [...report(options, judged, counts, open, owed), ...verdict(samples, done, flat)],
  };
}

async function look(
  { minutes }: SoakOptions,
  load: Load,
  looked: Sampled & { output: () => string },
  say: (line: string) => void,
): Promise<Sample[]> {
  const everyMs = Math.min((minutes * 60_000) / FEWEST_LOOKS, LONGEST_BETWEEN_LOOKS_S * 1000);
  const startedAt = performance.now();
  const samples: Sample[] = [];
  for (let at = startedAt; at <= startedAt + minutes * 60_000; at += everyMs) {
    await pause(Math.max(0, at - performance.now()));
    const collected = samples.length % LOOKS_PER_COLLECTION === 0;
    if (collected) await collectGarbage(looked.output());
    const minute = (performance.now() - startedAt) / 60_000;
    const { unanswered } = load.counts();
    const sample = await takeSample(looked, { minute, collected, unanswered });
    samples.push(sample);
    for (const mark of load.overdue(OVERDUE_MS)) say(storyOf(looked.home, mark));
    say(
      Object.entries(sample)
        .map(([key, value]) => `${key} ${Math.round(Number(value) * 100) / 100}`)
        .join(', '),
    );
  }
  return samples;
}

type OpenWork = Record<'messages' | 'turns' | 'outbox' | 'taskRuns', number>;

/** Until nothing is owed and, for a moment, nothing is open (some tasks run every minute), or patience ends. */
async function settle(world: World, load: Load): Promise<OpenWork> {
  const until = performance.now() + PATIENCE_S * 1000;
  for (;;) {
    const open = openWork(world);
    const done = load.counts().unanswered === 0 && Object.values(open).every((n) => n === 0);
    if (done || performance.now() > until) return open;
    await pause(500);
  }
}

/** All that the database has of a mark that was not answered. */
function storyOf(home: string, mark: string): string {
  const db = new Database(databaseFile(home), { readonly: true, timeout: 5000 });
  try {
    const like = `%${mark}%`;
    const rows = [
      ...db.prepare('SELECT * FROM messages WHERE content LIKE ?').all(like),
      ...db
        .prepare('SELECT * FROM turns WHERE id IN (SELECT turn_id FROM messages WHERE content LIKE ?)')
        .all(like),
      ...db.prepare('SELECT * FROM outbox WHERE text LIKE ? OR file_path LIKE ?').all(like, like),
      ...db.prepare('SELECT * FROM scheduled_tasks WHERE prompt LIKE ?').all(like),
      ...db
        .prepare(
          `SELECT r.*, t.state AS turn_state, t.error AS turn_error, t.reply FROM task_runs r LEFT JOIN turns t ON t.id = r.turn_id
           WHERE r.task_id IN (SELECT id FROM scheduled_tasks WHERE prompt LIKE ?)`,
        )
        .all(like),
    ];
    return [`${mark} waits for long:`, ...rows.map((row) => JSON.stringify(row))].join('\n  ');
  } finally {
    db.close();
  }
}

/** What is not settled. */
function openWork(world: World): OpenWork {
  const db = new Database(databaseFile(world.home), { readonly: true, timeout: 5000 });
  try {
    const count = (sql: string) => db.prepare<[], number>(`SELECT count(*) FROM ${sql}`).pluck().get() ?? 0;
    return {
      messages: count('messages WHERE disposition IS NULL'),
      turns: count("turns WHERE state IN ('queued', 'running')"),
      outbox: count("outbox WHERE state IN ('pending', 'sending', 'uncertain')"),
      taskRuns: count("task_runs WHERE state <> 'finished'"),
    };
  } finally {
    db.close();
  }
}

const urlOf = (daemon: Daemon): string => {
  const url = /Status: (http:\/\/\S+)\/status/.exec(daemon.output())?.[1];
  if (url === undefined) throw new Error(`the daemon did not say where it listens:\n${daemon.output()}`);
  return url;
};

function report(
  { minutes, rate, groups }: SoakOptions,
  judged: readonly Judged[],
  counts: LoadCounts,
  open: Record<string, number>,
  owed: readonly string[],
): string[] {
  const head = ['', 'first', 'median', 'largest', 'last', 'growth', 'allowed', ''];
  const rows = judged.map(({ name, first, median, largest, last, growth, allowed, good }) => [
    name,
    ...[first, median, largest, last].map((value) => value.toFixed(1)),
    growth === null ? '-' : growth.toFixed(1),
    allowed,
    good ? '' : 'GROWS',
  ]);
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  const aligned = [head, ...rows].map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
  const named = (values: object) =>
    Object.entries(values)
      .map(([key, value]) => `${key} ${String(value)}`)
      .join(', ');
  return [
    `${minutes} min at ${rate} messages a second over ${groups} groups; growth and median are of the second half, memory just after garbage was collected`,
    ...aligned,
    `messages: ${named(counts)}`,
    `open at the end: ${named(open)}`,
    ...(owed.length > 0 ? [`never answered, among others: ${owed.join(', ')}`] : []),
  ];
}

function verdict(samples: readonly Sample[], done: boolean, flat: boolean): string[] {
  const tooShort = (samples.at(-1)?.minute ?? 0) < SHORTEST_TREND_MINUTES;
  const growth = tooShort ? 'within its fixed bounds (too short for a trend)' : 'flat';
  return [
    done
      ? 'All answered, each once, nothing left open.'
      : 'NOT all answered once, or something was left open.',
    flat ? `${growth[0]?.toUpperCase()}${growth.slice(1)}.` : 'NOT flat: see the lines marked GROWS.',
  ];
}
