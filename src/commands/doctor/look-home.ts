/** What surrounds the daemon on this machine: itself, its lock, its port, its disk, and what others left behind. */
import { existsSync, lstatSync, readdirSync, rmSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import Database from 'better-sqlite3';
import { databaseFile } from '../../db/open.ts';
import type { Engine } from '../../docker/engine.ts';
import { findDaemon, isHomeLocked, leftInfo, removeInfo } from '../../lib/home-lock.ts';
import { removeNetworks } from '../../runtime/docker-network.ts';
import { LABELS } from '../../runtime/docker-spec.ts';
import { notReady } from '../../status.ts';
import { type Check, some } from './check.ts';
import { fail, ok, warn } from './finding.ts';
import type { Ground } from './ground.ts';

const daemon: Check = {
  id: 'daemon',
  homeOnly: true,
  async look(ground) {
    const info = ground.daemon;
    if (!info) return ok('daemon', 'The daemon is stopped.');
    const who = `process ${info.pid}, since ${info.started_at}`;
    const status = await ground.status();
    if (!status)
      return fail(
        'daemon',
        `The daemon runs (${who}) and does not say how it is.`,
        'Give it a moment after a start; else nanoclaw service restart, or end that process and start it again.',
      );
    const reasons = notReady(status);
    if (reasons.length === 0) return ok('daemon', `The daemon runs (${who}) and can do its job.`);
    return fail(
      'daemon',
      `The daemon runs (${who}) and cannot do all of its job: ${reasons.join('; ')}.`,
      'The other lines say what is to be done; nanoclaw status follows it.',
    );
  },
};

const lock: Check = {
  id: 'lock',
  homeOnly: true,
  async look({ home, daemon: running }) {
    if (running) return ok('lock', 'The running daemon holds the lock of this home.');
    const left = leftInfo(home);
    if (left)
      return warn(
        'lock',
        `data/daemon.json is left from process ${left.pid}, which has ended without clearing up.`,
        'The next start replaces it; or nanoclaw doctor --fix removes it.',
      );
    if (isHomeLocked(home))
      return warn(
        'lock',
        'Something holds the lock of this home and does not say what it is.',
        'If it is not a daemon that starts or stops just now: fuser data/daemon.lock names the process.',
      );
    return ok('lock', 'Nothing holds the lock of this home.');
  },
  async mend({ home, daemon: running }) {
    const left = running ? null : leftInfo(home);
    if (!left) return [];
    removeInfo(home);
    return ['Removed data/daemon.json.'];
  },
};

const port: Check = {
  id: 'port',
  async look({ config, daemon: running }) {
    const { host, port: wanted } = config.http;
    if (running) return ok('port', `The running daemon listens at ${running.url ?? 'no address yet'}.`);
    if (wanted === 0) return ok('port', 'Any free port is taken at the start (HTTP_PORT=0).');
    const problem = await listenError(host, wanted);
    if (problem === null) return ok('port', `${host}:${wanted} is free.`);
    if (problem === 'EADDRINUSE')
      return fail(
        'port',
        `Another program listens at ${host}:${wanted}, so the daemon could not start.`,
        'Stop that program, or set another HTTP_PORT (0 takes any free one).',
      );
    return fail(
      'port',
      `The daemon could not listen at ${host}:${wanted}: ${problem}.`,
      'Set HTTP_HOST to an address of this machine, like 127.0.0.1, and HTTP_PORT to one above 1023.',
    );
  },
};

/** Null when it could listen there. */
function listenError(host: string, wanted: number): Promise<string | null> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(wanted, host, () => server.close(() => resolve(null)));
  });
}

/** The largest file of an agent. */
const LEAST_FREE_MB = 2048;

/** A home that is not there yet will lie in the first folder above it that is. */
const existing = (dir: string): string =>
  existsSync(dir) || path.dirname(dir) === dir ? dir : existing(path.dirname(dir));

const disk: Check = {
  id: 'disk',
  homeOnly: true,
  async look({ home }) {
    const { bavail, bsize, files, ffree } = await statfs(existing(home));
    const mb = Math.floor((bavail * bsize) / 1024 ** 2);
    const seen = `${mb.toLocaleString('en')} MiB are free where ${home} lies.`;
    const fix = 'Make room; du -sh groups/* data/* shows what takes it.';
    if (files > 0 && ffree / files < 0.01)
      return fail(
        'disk',
        `Where ${home} lies there is no room for more files (inodes).`,
        'Remove files that are not needed; df -i shows it.',
      );
    if (mb >= LEAST_FREE_MB) return ok('disk', seen);
    return mb < LEAST_FREE_MB / 8 ? fail('disk', seen, fix) : warn('disk', seen, fix);
  },
};

// ---------------------------------------------------------------- what a drill left behind

/** Before a drill holds the lock of its home it has only just begun. */
const BEGUN_MS = 120_000;

/** Of drills that were killed: one that runs holds the lock of its home. */
function deadDrills(home: string): string[] {
  let names: string[] = [];
  try {
    names = readdirSync(home).filter((name) => /^\.drill-[A-Za-z0-9]{6}$/.test(name));
  } catch {
    return []; // the line owners tells
  }
  const isDead = (dir: string) =>
    Date.now() - lstatSync(dir).mtimeMs > BEGUN_MS && findDaemon(path.join(dir, 'h')) === null;
  return names.map((name) => path.join(home, name)).filter(isDead);
}

const leftovers: Check = {
  id: 'leftovers',
  homeOnly: true,
  async look({ home }) {
    const left = deadDrills(home);
    if (left.length === 0) return ok('leftovers', 'No drill has left anything behind.');
    return warn(
      'leftovers',
      `A drill that was killed has left behind: ${some(left.map((dir) => path.basename(dir)))}.`,
      'nanoclaw doctor --fix removes it, and its containers.',
    );
  },
  async mend(ground) {
    const done: string[] = [];
    for (const dir of deadDrills(ground.home)) {
      const instance = instanceOf(dir);
      // Without an engine to ask, what names its containers has to stay.
      const containers = instance === null ? 0 : await removeContainersOf(ground, instance);
      rmSync(dir, { recursive: true, force: true });
      done.push(
        `Removed ${path.basename(dir)}${containers === 0 ? '' : ` and its containers (${containers})`}.`,
      );
    }
    return done;
  },
};

function instanceOf(drill: string): string | null {
  try {
    const db = new Database(databaseFile(path.join(drill, 'h')), { readonly: true });
    try {
      return db.prepare<[], string>("SELECT value FROM meta WHERE key = 'instance_id'").pluck().get() ?? null;
    } finally {
      db.close();
    }
  } catch {
    return null; // killed before it had begun any
  }
}

async function removeContainersOf(ground: Ground, instance: string): Promise<number> {
  if (ground.wrong || ground.config.runtime === 'process') return 0;
  const engine: Engine = ground.engine;
  const found = await engine.listContainers([`${LABELS.instance}=${instance}`]);
  for (const { Id } of found) await engine.removeContainer(Id);
  await removeNetworks(engine, instance);
  return found.length;
}

export const HOME_CHECKS: readonly Check[] = [daemon, lock, port, disk, leftovers];
