/** IPC over a real mailbox: files dropped the way an agent does, or the way an attacker would. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { type AskedWaits, createAskedWaits } from '../../src/ipc/asked-waits.ts';
import { createIpc, type Ipc, type IpcOptions } from '../../src/ipc.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { ensureGroupFolders, groupPaths } from '../../src/mailbox/layout.ts';
import { REASON } from '../../src/mailbox/quarantine.ts';
import { type AgentEvent, PROTOCOL_VERSION, type ResultFile } from '../../src/protocol.ts';
import { createOutgoing } from '../../src/router/outgoing.ts';
import type { ChatJid, Folder, Group } from '../../src/types.ts';
import { createTestLog, createWorld, type LogLine, type World } from './world.ts';

export interface MailboxWorld extends World {
  ipc: Ipc;
  asked: AskedWaits;
  /** How long the daemon is kept busy by each message that an agent sends. */
  slow: { ms: number };
  /** Whether others wait for a place. */
  crowd: { is: boolean };
  main: Group;
  family: Group;
  /** What ipc handed on, in order. */
  events: { folder: Folder; event: AgentEvent }[];
  lost: { folder: Folder; turn: string; n: number }[];
  woken: string[];
  logged: (event: string) => LogLine[];
  /** Changes what takes the events; default: takes all. */
  onEvent: { take: IpcOptions['onEvent'] };
  /** Calls what watches the directory now, as the kernel would. */
  notify(folder: string, directory: string, name?: string): void;
  /** Absolute path below a group's mailbox. */
  at(folder: string, ...names: string[]): string;
  /** Leaves a file in out/<directory>; returns its name. */
  drop(folder: string, directory: string, content: unknown, name?: string): string;
  results(folder: string): ResultFile[];
  /** What is left in out/. */
  left(folder: string): string[];
  /** Without the reasons that lie beside them. */
  quarantined(folder: string): string[];
  /** Takes all that may be taken now. */
  drainAll(folder: Folder): Promise<void>;
}

export const send = (text: string, id: string = randomUUID(), more: Record<string, unknown> = {}) => ({
  id,
  type: 'send_message',
  text,
  ...more,
});

export const textEvent = (turn: string, n: number, text = `part ${n}`): AgentEvent => ({
  protocol: PROTOCOL_VERSION,
  turn,
  n,
  type: 'text',
  text,
});

/** A home with main and the group "family", both with their mailboxes. */
export function createMailboxWorld(): MailboxWorld {
  const world = createWorld();
  const { home, db, clock, registry } = world;
  const { log, events: logged } = createTestLog();
  const main = world.register({ chatJid: '1', name: 'Me', folder: 'main', isMain: true });
  const family = world.register();
  for (const { folder } of [main, family]) ensureGroupFolders(home, folder);
  const watching = new Map<string, Set<(name?: string) => void>>();
  const taken: MailboxWorld['events'] = [];
  const lost: MailboxWorld['lost'] = [];
  const woken: string[] = [];
  const onEvent: MailboxWorld['onEvent'] = { take: () => true };
  const tasks = { db, now: () => clock.now(), defaultTimezone: 'UTC' };
  const slow = { ms: 0 };
  const outgoing = createOutgoing({ db, clock, home, random: systemRandom });
  const record: typeof outgoing = (reply) => {
    clock.pass(slow.ms);
    return outgoing(reply);
  };
  const wakeDelivery = (jid: ChatJid) => void woken.push(`delivery ${jid}`);
  const crowd = { is: false };
  const asked = createAskedWaits({ db, clock, log, home, wakeDelivery, isCrowded: () => crowd.is });
  const ipc = createIpc({
    db,
    home,
    clock,
    log,
    fileEvents: {
      watch(directory, onChange) {
        const all = watching.get(directory) ?? new Set();
        watching.set(directory, all.add(onChange));
        return { close: () => void all.delete(onChange) };
      },
    },
    sweepMs: 5000,
    commands: { db, random: systemRandom, home, registry, tasks, record },
    onEvent(folder, event) {
      const done = onEvent.take(folder, event);
      if (done) taken.push({ folder, event });
      return done;
    },
    onLostEvent: (folder, turn, n) => void lost.push({ folder, turn, n }),
    wakeDelivery,
    wakeAsked: asked.wake,
    groupsChanged: () => void woken.push('groups'),
    tasksChanged: () => {},
  });
  onTestFinished(() => {
    asked.stop();
    return ipc.stop();
  });

  const at = (folder: string, ...names: string[]) => path.join(groupPaths(home, folder).mailbox, ...names);
  const files = (directory: string) =>
    readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => entry.name);
  return {
    ...world,
    ipc,
    asked,
    crowd,
    slow,
    main,
    family,
    events: taken,
    lost,
    woken,
    logged,
    onEvent,
    at,
    notify(folder, directory, name) {
      for (const onChange of watching.get(at(folder, 'out', directory)) ?? []) onChange(name);
    },
    drop(folder, directory, content, name = `${randomUUID()}.json`) {
      mkdirSync(at(folder, 'out', directory), { recursive: true });
      const bytes =
        typeof content === 'string' || content instanceof Uint8Array ? content : JSON.stringify(content);
      writeFileSync(at(folder, 'out', directory, name), bytes);
      return name;
    },
    results: (folder) =>
      readdirSync(at(folder, 'in', 'results')).map(
        (name) => JSON.parse(readFileSync(at(folder, 'in', 'results', name), 'utf8')) as ResultFile,
      ),
    left: (folder) => files(at(folder, 'out')),
    quarantined: (folder) =>
      readdirSync(groupPaths(home, folder).quarantine).filter((name) => !name.endsWith(REASON)),
    async drainAll(folder) {
      const drained = ipc.drain(folder);
      await clock.advance(0);
      await drained;
    },
  };
}
