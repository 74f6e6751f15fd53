/**
 * The built-in Telegram: a strict Bot API server on loopback, the people who write to the bot, and a page to speak as
 * them. A newcomer meets it first; all tests, fault suites and benchmarks run against it. The daemon cannot tell it
 * from Telegram.
 * Invariants: ids are never reused (with a state file: not even after a restart or a crash); the bot learns of
 * everything through getUpdates only; no request, however odd, ends the process.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../lib/clock.ts';
import { http } from '../lib/node-http.ts';
import { BotApi } from './bot-api.ts';
import { SimEmitter, type SimEvents } from './events.ts';
import { SimFaults } from './faults.ts';
import { FileStore } from './files.ts';
import { Memberships } from './memberships.ts';
import type { MethodContext } from './methods/context.ts';
import { PageServer } from './page-server.ts';
import { People } from './people.ts';
import { RateLimits } from './rate-limits.ts';
import { loadState, saveState } from './state-file.ts';
import type { SimCall } from './types.ts';
import { UpdateQueue } from './updates.ts';
import { World } from './world.ts';

export { FAMILY_CHAT_ID, MAIN_CHAT_ID, SEED_CHATS, WORK_CHAT_ID } from './seed.ts';
export type * from './types.ts';
export type { SimEvents, SimFaults };

const LEDGER_LIMIT = 10_000;
const KEPT_PER_CHAT = 300;

export interface SimulatorOptions {
  /** As BotFather gives it: `<bot id>:<secret>`. */
  readonly token: string;
  /** Default nina_bot. */
  readonly botUsername?: string;
  /** Default Nina. */
  readonly botName?: string;
  readonly clock: Clock;
  /** 0 to below 1; default Math.random. Only file ids use it. */
  readonly random?: () => number;
  /** JSON. With it chats, messages and ids survive a restart; files lie in a folder beside it. */
  readonly stateFile?: string;
  /** Telegram's rate limits (429). Default false. */
  readonly strictLimits?: boolean;
  /** The bot sees only commands, mentions and replies to it in groups. Default false. */
  readonly privacyMode?: boolean;
  /** Calls kept in the ledger; default 10,000. */
  readonly ledgerLimit?: number;
  /** Other names (`host` or `host:port`) under which the page may be used; loopback always may. 'any': a guard stands before it. */
  readonly pageHosts?: readonly string[] | 'any';
  /** Where the daemon's status page is, for a link to it. */
  readonly statusPath?: string;
}

export interface Simulator
  extends Pick<People, 'say' | 'edit' | 'move' | 'remove' | 'react' | 'pressButton' | 'addPerson'>,
    Omit<Memberships, never> {
  readonly token: string;
  readonly world: World;
  readonly updates: UpdateQueue;
  readonly faults: SimFaults;
  /** Everything the bot did, in order, but for getUpdates. The oldest go first when it is full. */
  readonly ledger: readonly SimCall[];
  /** True when the path was ours (`/bot…`, `/file/bot…`, `/sim…`) and is being answered. */
  handle(req: IncomingMessage, res: ServerResponse): boolean;
  on<K extends keyof SimEvents>(event: K, listener: (event: SimEvents[K]) => void): () => void;
  /** The next such event that `accept` takes. */
  next<K extends keyof SimEvents>(
    event: K,
    accept?: (event: SimEvents[K]) => boolean,
    signal?: AbortSignal,
  ): Promise<SimEvents[K]>;
  /** Ends what is under way and saves. Idempotent. */
  close(): Promise<void>;
}

export function createSimulator(options: SimulatorOptions): Simulator {
  const { clock, token, stateFile } = options;
  const saved = stateFile === undefined ? undefined : loadState(stateFile);
  const events = new SimEmitter();
  const updates = new UpdateQueue(clock, events, saved?.updates);
  const bot = {
    id: Number(/^(\d+):/.exec(token)?.[1] ?? 7000000001),
    is_bot: true,
    first_name: options.botName ?? 'Nina',
    username: options.botUsername ?? 'nina_bot',
  };
  const privacyMode = options.privacyMode ?? false;
  const world = new World({ bot, clock, events, updates, privacyMode, saved: saved?.world });
  const filesDirectory = stateFile === undefined ? undefined : `${stateFile}.files`;
  const files = new FileStore(options.random ?? Math.random, filesDirectory, saved?.files);
  const callbacks: MethodContext['callbacks'] = new Map();
  const commands = new Map<string, unknown>(saved?.commands);
  const context: MethodContext = { world, updates, files, events, clock, callbacks, commands };
  const chats = new Memberships(context);
  const people = new People(context, chats);
  const ledger: SimCall[] = [];
  const ledgerLimit = options.ledgerLimit ?? LEDGER_LIMIT;

  let dirty = saved === undefined;
  const changes: (keyof SimEvents)[] = [
    'message',
    'edited',
    'deleted',
    'reaction',
    'chat',
    'update-queued',
    'update-confirmed',
  ];
  for (const name of changes)
    events.on(name, () => {
      dirty = true;
    });
  const save = () => {
    if (!dirty || stateFile === undefined) return;
    dirty = false;
    const state = { world: world.save(KEPT_PER_CHAT), updates: updates.save(), files: files.save() };
    try {
      saveState(stateFile, { version: 1, ...state, commands: [...commands] });
    } catch {
      // A full disk must not end the process; the next answer tries again.
      dirty = true;
    }
  };

  const faults = new SimFaults(() => api.cutAll());
  const api = new BotApi({
    token,
    context,
    faults,
    limits: options.strictLimits ? new RateLimits(clock) : undefined,
    beforeAnswer: save,
    record: (call) => {
      if (/^(set|delete)/.test(call.method)) dirty = true;
      if (call.method !== 'getUpdates') {
        ledger.push(call);
        if (ledger.length > ledgerLimit) ledger.splice(0, ledger.length - ledgerLimit);
      }
      events.emit('call', call);
    },
  });
  const page = new PageServer({
    context,
    people,
    chats,
    save,
    hosts: options.pageHosts ?? [],
    statusPath: options.statusPath ?? null,
  });

  return {
    token,
    world,
    updates,
    faults,
    ledger,
    say: (o) => people.say(o),
    edit: (o) => people.edit(o),
    move: (o) => people.move(o),
    remove: (o) => people.remove(o),
    react: (o) => people.react(o),
    pressButton: (o) => people.pressButton(o),
    addChat: (o) => chats.addChat(o),
    addPerson: (o) => people.addPerson(o),
    addBotToChat: (chat, by, as) => chats.addBotToChat(chat, by, as),
    setBotStatus: (chat, status, by) => chats.setBotStatus(chat, status, by),
    removeBotFromChat: (chat, by) => chats.removeBotFromChat(chat, by),
    addMember: (chat, key, by) => chats.addMember(chat, key, by),
    removeMember: (chat, key, by) => chats.removeMember(chat, key, by),
    setAdmin: (chat, key, isAdmin, by) => chats.setAdmin(chat, key, isAdmin, by),
    rename: (chat, title, by) => chats.rename(chat, title, by),
    migrateChat: (chat, id) => chats.migrateChat(chat, id),
    createTopic: (chat, name, by) => chats.createTopic(chat, name, by),
    setForum: (chat, isForum) => chats.setForum(chat, isForum),
    renameTopic: (chat, id, name, by) => chats.renameTopic(chat, id, name, by),
    closeTopic: (chat, id, by) => chats.closeTopic(chat, id, by),
    reopenTopic: (chat, id, by) => chats.reopenTopic(chat, id, by),
    deleteTopic: (chat, id) => chats.deleteTopic(chat, id),
    on: (event, listener) => events.on(event, listener),
    next: (event, accept, signal) => events.next(event, accept, signal),
    handle(req, res) {
      const url = parseUrl(req.url);
      if (/^\/(file\/)?bot/.test(url.pathname)) api.handle(req, res, url);
      else if (url.pathname === '/sim' || url.pathname.startsWith('/sim/')) page.handle(req, res, url);
      else return false;
      return true;
    },
    async close() {
      api.cutAll();
      page.close();
      save();
    },
  };
}

/** Serves a simulator by itself, as tests and benchmarks do. `port` 0 or none: any free one. */
export function serveSimulator(
  sim: Simulator,
  { host = '127.0.0.1', port = 0 }: { host?: string; port?: number } = {},
): Promise<{ url: string; close(): Promise<void> }> {
  const server = http.createServer((req, res) => {
    if (sim.handle(req, res)) return;
    if (req.url === '/') res.writeHead(302, { location: '/sim/' }).end();
    else res.writeHead(404).end();
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      const { port: actual } = server.address() as AddressInfo;
      resolve({
        url: `http://${host.includes(':') ? `[${host}]` : host}:${actual}`,
        close: async () => {
          await sim.close();
          await new Promise<void>((done) => {
            server.close(() => done());
            server.closeAllConnections();
          });
        },
      });
    });
  });
}

function parseUrl(target: string | undefined): URL {
  try {
    return new URL(target ?? '/', 'http://localhost');
  } catch {
    return new URL('http://localhost/');
  }
}
