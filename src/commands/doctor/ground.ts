/**
 * What all checks stand on, looked at once: settings, the running daemon and what it says, the database (read-only, never
 * migrated, never made), the engine. Everything is asked only when a check wants it.
 */
import { type Config, homeOf, loadConfig, statusTokenOf } from '../../config.ts';
import { databaseFile } from '../../db/open.ts';
import { type Readable, type ReadDb, readDatabase } from '../../db/read.ts';
import { Engine } from '../../docker/engine.ts';
import { NanoClawError } from '../../errors.ts';
import { type DaemonInfo, findDaemon, findDaemonByProcess } from '../../lib/home-lock.ts';
import type { DaemonStatus } from '../../status.ts';
import { type DaemonUser, daemonUser } from './daemon-user.ts';
import { type Finding, ok, unseen } from './finding.ts';
import { findService, type InstalledService } from './installed-service.ts';

const STATUS_MS = 6000;
const ENGINE_MS = 20_000;

export interface Ground {
  readonly home: string;
  /** Throws what is wrong with the settings. */
  readonly config: Config;
  /** What is wrong with the settings, or null. */
  readonly wrong: NanoClawError | null;
  /** The one that runs on this home, or null. */
  readonly daemon: DaemonInfo | null;
  /** What it says; null when none runs or it does not say it in time. */
  status(): Promise<DaemonStatus | null>;
  readonly user: DaemonUser;
  /** The service that runs this home, or null. */
  readonly service: InstalledService | null;
  readonly database: Readable;
  readonly engine: Engine;
  /** The result of `work`, which runs once for all checks that ask under this name. */
  once<T>(name: string, work: () => Promise<T>): Promise<T>;
  close(): void;
}

export function createGround(): Ground {
  const home = homeOf();
  const settings = readSettings();
  const results = new Map<string, unknown>();
  const closing: (() => void)[] = [];
  const lazy = <T>(name: string, make: () => T): T => {
    if (!results.has(name)) results.set(name, make());
    return results.get(name) as T;
  };
  const ground: Ground = {
    home,
    wrong: settings instanceof NanoClawError ? settings : null,
    get config() {
      if (settings instanceof NanoClawError) throw settings;
      return settings;
    },
    get daemon() {
      return lazy('daemon', () => runningDaemon(home));
    },
    status: () => ground.once('status', () => askStatus(home, ground.daemon?.url ?? null)),
    get user() {
      return lazy('user', () => daemonUser(home, ground.daemon, ground.service));
    },
    get service() {
      return lazy('service', () => findService(home));
    },
    get database() {
      return lazy('database', () => {
        const opened = readDatabase(databaseFile(home));
        if (opened.state === 'open') closing.push(() => opened.db.sqlite.close());
        return opened;
      });
    },
    get engine() {
      return lazy('engine', () => {
        const engine = new Engine({ ...ground.config.engine, timeoutMs: ENGINE_MS });
        closing.push(() => engine.close());
        return engine;
      });
    },
    once: (name, work) => lazy(`once ${name}`, work),
    close: () => closing.splice(0).forEach((each) => void each()),
  };
  return ground;
}

function runningDaemon(home: string): DaemonInfo | null {
  try {
    return findDaemon(home);
  } catch {
    return findDaemonByProcess(home); // the line owners says what is wrong with data/
  }
}

function readSettings(): Config | NanoClawError {
  try {
    return loadConfig();
  } catch (error) {
    if (error instanceof NanoClawError) return error;
    throw error;
  }
}

async function askStatus(home: string, url: string | null): Promise<DaemonStatus | null> {
  if (url === null) return null;
  try {
    const token = statusTokenOf(home);
    const answer = await fetch(`${url}/status`, {
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(STATUS_MS),
    });
    return answer.ok ? ((await answer.json()) as DaemonStatus) : null;
  } catch {
    return null;
  }
}

/** A finding from the database; one that says why not where there is none to be read. */
export function fromDatabase(
  { database }: Ground,
  id: string,
  look: (db: ReadDb) => Finding | Promise<Finding>,
): Finding | Promise<Finding> {
  if (database.state === 'open') return look(database.db);
  if (database.state === 'absent') return ok(id, 'There is no database yet; the first start makes it.');
  return unseen(id, 'the database cannot be read', database.state === 'schema' ? 'schema' : 'database');
}

/** The groups, where they can be read; else none. */
export const groupsOf = ({ database }: Ground) => (database.state === 'open' ? database.db.groups.all() : []);
