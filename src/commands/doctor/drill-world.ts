/**
 * What the drill plays in: a home that is thrown away, with the real daemon started on it (its own simulator as
 * Telegram, everything else as the operator's settings say), secrets planted in it that mean nothing, services on the
 * host that nobody should reach, and the containers of three groups. Touches nothing of the operator's home but
 * one new folder in it, and no container but its own.
 */
import { randomUUID } from 'node:crypto';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import path from 'node:path';
import { type App, createApp } from '../../app.ts';
import type { Config } from '../../config.ts';
import { databaseFile } from '../../db/open.ts';
import { createDb, type Db } from '../../db.ts';
import { Engine } from '../../docker/engine.ts';
import { sleep, systemClock } from '../../lib/clock.ts';
import { http } from '../../lib/node-http.ts';
import { createLogger } from '../../log.ts';
import { groupPaths } from '../../mailbox/layout.ts';
import { removeNetworks } from '../../runtime/docker-network.ts';
import { LABELS } from '../../runtime/docker-spec.ts';
import { FAMILY_CHAT_ID, MAIN_CHAT_ID, WORK_CHAT_ID } from '../../simulator/seed.ts';
import type { DaemonStatus } from '../../status.ts';
import { chatJid, type Folder } from '../../types.ts';

/** The attacker, the victim, and main. */
export const ATTACKER = 'family' as Folder;
export const VICTIM = 'work' as Folder;
export const VICTIM_CHAT = String(WORK_CHAT_ID);
const CHATS = { [ATTACKER]: FAMILY_CHAT_ID, [VICTIM]: WORK_CHAT_ID, main: MAIN_CHAT_ID };
/** Enough for an agent, and soon full. */
const MEMORY_MB = 512;
const START_MS = 180_000;

export interface DrillWorld {
  engine: Engine;
  app: App;
  db: Db;
  config: Config;
  instanceId: string;
  /** Container ids by folder. */
  containers: Record<string, string>;
  /** Words that stand nowhere but in their place. */
  canaries: Record<'env' | 'allowlist' | 'file' | 'session' | 'mailbox' | 'backup' | 'credential', string>;
  /** Paths of the host where they stand. */
  secretPaths: string[];
  /** Ports of the host: on its loopback only, on all of its addresses, and the daemon's own. */
  services: { loopback: number; everywhere: number; daemon: number };
  /** The host's IPv4 addresses besides its loopback. */
  addresses: string[];
  /** Whether this platform holds containers to their groups' network policies. */
  network: DaemonStatus['network'];
  /** Who reached a service of the host. */
  visits: string[];
  dispose(): Promise<void>;
}

/** Throws when agents cannot be started here, with the reason; then nothing is left behind. */
export async function createDrillWorld(real: Config): Promise<DrillWorld> {
  mkdirSync(real.home, { recursive: true });
  const base = mkdtempSync(path.join(real.home, '.drill-'));
  const cleanups: (() => unknown)[] = [() => rmSync(base, { recursive: true, force: true })];
  const dispose = async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await Promise.resolve(cleanup()).catch(() => {});
  };
  try {
    return { ...(await build(real, base, cleanups)), dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function build(
  real: Config,
  base: string,
  cleanups: (() => unknown)[],
): Promise<Omit<DrillWorld, 'dispose'>> {
  const canaries = plantNames();
  const visits: string[] = [];
  const service = async (host: string): Promise<number> => {
    const server = http.createServer((request, response) => {
      visits.push(`${host} by ${request.method} ${request.url}`);
      response.end('reached');
    });
    await listen(server, host);
    cleanups.push(() => server.close());
    return (server.address() as AddressInfo).port;
  };
  const loopback = await service('127.0.0.1');
  const everywhere = await service('0.0.0.0');
  const model = http.createServer(() => {}); // a turn of Claude goes on until the drill is over
  await listen(model, '127.0.0.1');
  cleanups.push(
    () => model.closeAllConnections(),
    () => model.close(),
  );

  const modelUrl = `http://127.0.0.1:${(model.address() as AddressInfo).port}`;
  const home = path.join(base, 'h');
  const config: Config = {
    ...real,
    home,
    configDir: path.join(base, 'config'),
    telegram: { token: null, apiRoot: real.telegram.apiRoot },
    runtime: 'docker',
    credential: { kind: real.credential?.kind ?? 'apiKey', value: canaries.credential },
    anthropicBaseUrl: modelUrl,
    openai: real.openai && { ...real.openai, baseUrl: `${modelUrl}/v1`, key: canaries.credential },
    containerMemoryMb: Math.min(real.containerMemoryMb, MEMORY_MB),
    maxConcurrentContainers: 5,
    containerTimeoutMs: 1_800_000,
    idleTimeoutMs: 1_800_000,
    logLevel: 'info',
    http: { host: '127.0.0.1', port: 0, token: null },
  };
  const secretPaths = plant(config, canaries);
  const logFile = path.join(home, 'nanoclaw.log');
  const log = createLogger({ file: { write: (line) => appendFileSync(logFile, line) }, level: 'debug' });
  const engine = new Engine(config.engine);
  cleanups.push(() => engine.close());
  const app = createApp(config, log);
  await app.start();
  const db = createDb(databaseFile(home));
  const { instanceId } = db;
  cleanups.push(
    () => removeNetworks(engine, instanceId),
    () => removeContainers(engine, instanceId),
    () => db.close(),
    () => app.stop(),
  );
  const network = await runtimeReady(app);
  // Where it is not enforced, a group with a policy would rightly not start.
  if (network.enforced) restrict(db);
  for (const chat of Object.values(CHATS))
    app.simulator()?.say({ chat, from: 'you', text: `@${config.assistantName} ping` });
  const containers = await started(app, engine, instanceId);
  return {
    engine,
    app,
    db,
    config,
    instanceId,
    containers,
    canaries,
    secretPaths,
    services: { loopback, everywhere, daemon: Number(new URL(app.url()).port) },
    addresses: hostAddresses(),
    network,
    visits,
  };
}

const plantNames = (): DrillWorld['canaries'] => {
  const word = () => `drill-${randomUUID()}`;
  return {
    env: word(),
    allowlist: word(),
    file: word(),
    session: word(),
    mailbox: word(),
    backup: word(),
    credential: `sk-ant-drill-${randomUUID()}`,
  };
};

/** Puts each word into its place. Returns the places. */
function plant({ home, configDir }: Config, canaries: DrillWorld['canaries']): string[] {
  const victim = groupPaths(home, VICTIM);
  const places: [file: string, content: string][] = [
    [path.join(home, '.env'), `ANTHROPIC_API_KEY=${canaries.credential}\nOTHER=${canaries.env}\n`],
    [
      path.join(configDir, 'mount-allowlist.json'),
      JSON.stringify({ allowedRoots: [{ path: '/nowhere', description: canaries.allowlist }] }),
    ],
    [path.join(victim.groupDir, 'diary.txt'), canaries.file],
    [path.join(victim.homeDir, 'session.json'), canaries.session],
    [path.join(victim.mailbox, 'in', 'drill.json'), canaries.mailbox],
    [path.join(home, 'data', 'backups', 'drill.db'), canaries.backup],
  ];
  for (const [file, content] of places) {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  return places.map(([file]) => file);
}

/** The victim may reach nothing, main one name. The attacker has the default. */
function restrict(db: Db): void {
  const set = (jid: number, network: 'none' | 'allowlist', networkAllow: string[]) => {
    const group = db.groups.byJid(chatJid(jid));
    if (!group) throw new Error('the drill’s groups are not registered');
    db.groups.update({ ...group, network, networkAllow });
  };
  set(WORK_CHAT_ID, 'none', []);
  set(MAIN_CHAT_ID, 'allowlist', ['allowed.example']);
}

/** Waits until agents can run. The image may have to be built before. */
async function runtimeReady(app: App): Promise<DaemonStatus['network']> {
  for (;;) {
    const { runtime, network } = app.status();
    if (runtime.ready) return network;
    if (runtime.problem !== null) throw new Error(runtime.problem);
    await sleep(systemClock, 100);
  }
}

/** Waits until each group has its container. */
async function started(app: App, engine: Engine, instanceId: string): Promise<Record<string, string>> {
  const deadline = Date.now() + START_MS;
  for (;;) {
    const running = await ownContainers(engine, instanceId).catch(() => []);
    const agents = new Set(app.status().agents.map(({ group }) => group));
    const found = running.filter(
      ({ State, Labels }) => State === 'running' && agents.has(Labels[LABELS.group] ?? ''),
    );
    if (found.length >= Object.keys(CHATS).length)
      return Object.fromEntries(found.map(({ Id, Labels }) => [Labels[LABELS.group] ?? '', Id]));
    if (Date.now() > deadline) throw new Error('the agents’ containers did not start within three minutes');
    await sleep(systemClock, 100);
  }
}

const ownContainers = (engine: Engine, instanceId: string) =>
  engine.listContainers([`${LABELS.instance}=${instanceId}`]);

async function removeContainers(engine: Engine, instanceId: string): Promise<void> {
  for (const { Id } of await ownContainers(engine, instanceId))
    await engine.removeContainer(Id).catch(() => {});
}

const hostAddresses = (): string[] =>
  Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address);

function listen(server: Server, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(0, host, resolve);
  });
}
