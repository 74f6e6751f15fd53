/**
 * One history: a world from a seed, so many days of it, then rest, then the accounts. The daemon in it is the real wiring on
 * a real database and real mailbox files; all that is simulated is what lies outside: time, Telegram, the engine, agents, people.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { databaseFile } from '../src/db/open.ts';
import { createDb, type Db } from '../src/db.ts';
import { type NewGroup, registerGroup, removeGroup } from '../src/registry.ts';
import { iso } from '../src/types.ts';
import { checkAsides } from './checks/asides.ts';
import { checkCommands } from './checks/commands.ts';
import { checkFiles } from './checks/files.ts';
import { createLimitsCheck } from './checks/limits.ts';
import { checkMessages } from './checks/messages.ts';
import { checkOutbox } from './checks/outbox.ts';
import { checkQuestions } from './checks/questions.ts';
import { createRegistrations } from './checks/registrations.ts';
import { createTaskChecks } from './checks/tasks.ts';
import { checkEndedTurns, checkOpenTurns, checkTurns } from './checks/turns.ts';
import type { Mutant } from './mutants.ts';
import { createAdversity } from './world/adversity.ts';
import { createAgents } from './world/agent-life.ts';
import { Daemon, Killed } from './world/daemon.ts';
import { SimulatedEngine } from './world/engine.ts';
import { createPeople } from './world/people.ts';
import { SimulatedTelegram } from './world/telegram.ts';
import { createTrace } from './world/trace.ts';
import { type Figures, type Violation, World } from './world/world.ts';

export interface HistoryOptions {
  seed: number;
  days: number;
  /** A folder on a fast file system, for the home. */
  scratch: string;
  /** A known bug, to see that the checks find it. */
  mutant?: Mutant | undefined;
  /** Given every line of the trace. */
  onLine?: ((line: string) => void) | undefined;
}

export interface History {
  seed: number;
  violations: Violation[];
  /** Of all lines of the log and all that passed between the parts of the world. */
  hash: string;
  figures: Figures;
  tail: (lines: number) => string[];
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** So long everything may take to come to rest. */
const REST_LIMIT = 3 * DAY;
/** The clocks change in one zone or the other within a month of each. */
const BEGINNINGS = ['2027-03-01', '2027-03-20', '2026-10-10', '2026-10-28', '2027-04-01', '2027-01-15'];
const HOME_ZONES = ['Europe/Berlin', 'America/New_York', 'UTC', 'Australia/Lord_Howe'];

export async function runHistory(options: HistoryOptions): Promise<History> {
  const root = mkdtempSync(path.join(options.scratch, 'nanoclaw-simulation-'));
  const trace = createTrace(options.onLine && ((line) => options.onLine?.(line.replaceAll(root, '<root>'))));
  try {
    const world = await live(options, root, trace);
    const { violations, figures } = world;
    return { seed: options.seed, violations, hash: trace.hash(), figures, tail: trace.tail };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

async function live(
  options: HistoryOptions,
  root: string,
  trace: ReturnType<typeof createTrace>,
): Promise<World> {
  const beginning = new World(options.seed, trace, root, 0).rng('beginning');
  const startsAt = Date.parse(`${beginning.pick(BEGINNINGS)}T00:00:00Z`) + beginning.between(0, DAY);
  const world = new World(options.seed, trace, root, startsAt);
  const { timeline } = world;
  const telegram = new SimulatedTelegram(world);
  const adversity = createAdversity(world, telegram);
  const tasks = createTaskChecks(world);
  const registrations = createRegistrations(world, telegram);
  const agents = createAgents(
    world,
    (turn) => (world.daemon?.db ? world.daemon.db.turns.byId(turn)?.state === 'running' : null),
    tasks.openTasks,
  );
  const engine = new SimulatedEngine(world, agents);
  const people = createPeople(world, telegram, tasks.openTasks);
  const limits = createLimitsCheck(world);
  telegram.onRequest = (request) => limits(request.chat, request.at);
  telegram.onAside = (chat, at) => limits(chat, at, true);

  // ------------------------------------------------------------ what changes, and is looked at after the step
  const dirty = { tasks: new Set<string>(), turns: new Set<string>(), opened: false, groups: false };
  const begun = new Map<string, number>();
  /** Ids of messages that show how a turn goes, as daemons have noted them. */
  const noted = new Set<string>();
  const observe = (repository: string, method: string, args: readonly unknown[]) => {
    if (repository === 'outbox' && method === 'markSending') {
      if (world.daemon) world.daemon.sendingId = Number(args[0]);
    } else if (repository === 'tasks') {
      if (method === 'insert' || method === 'update') dirty.tasks.add((args[0] as { id: string }).id);
      else if (method === 'setNextRun' || method === 'setStatus') dirty.tasks.add(String(args[0]));
      else if (method === 'startRun') begun.set(String(args[1]), Number(args[0]));
    } else if (repository === 'turns') {
      if (method === 'claim') dirty.opened = true;
      else if (method === 'finish') dirty.turns.add(String(args[0]));
      else if (method === 'markRunning') for (const agent of engine.living()) agent.lookSoon();
    } else if (repository === 'progress' && method === 'noteSent') {
      const jid = world.daemon?.db?.progress.ofTurn(args[0] as never)?.chatJid;
      noted.add(`${jid} ${Number(args[1])}`);
    } else if (repository === 'groups' && ['insert', 'remove', 'migrate', 'update'].includes(method))
      dirty.groups = true;
  };
  const sampleAll = (db: Db) => {
    registrations.sample(db);
    tasks.sampleAll(db);
    for (const record of agents.turns.values())
      if (record.finished === 'ok' && record.openAtFinish === null)
        record.openAtFinish = db.turns.byId(record.id)?.state === 'running';
  };
  function look(): void {
    const db = world.daemon?.db;
    if (!db?.sqlite.open) return;
    for (const id of dirty.tasks) tasks.sample(db, id);
    if (dirty.opened) checkOpenTurns(world, db);
    if (dirty.turns.size > 0) checkEndedTurns(world, db, engine, dirty.turns);
    if (dirty.groups) registrations.sample(db);
    dirty.tasks.clear();
    dirty.turns.clear();
    dirty.opened = false;
    dirty.groups = false;
  }

  // ------------------------------------------------------------ daemons, one after the other
  const random = world.rng('ids');
  const zone = beginning.pick(HOME_ZONES);
  const mutant = options.mutant;
  function startDaemon(): void {
    const daemon = new Daemon(world, {
      settings: {
        AGENT_PROVIDER: 'offline',
        CONTAINER_RUNTIME: 'docker',
        TELEGRAM_BOT_TOKEN: '4242:simulated-bot-token',
        TZ: zone,
        MAX_CONCURRENT_CONTAINERS: '3',
        // Some worlds have room for more warm agents than may work at once, others have none.
        WARM_MEMORY_MB: beginning.pick(['0', '512', '4096']),
        IDLE_TIMEOUT: String(6 * MINUTE),
        CONTAINER_TIMEOUT: String(4 * MINUTE),
        // So short that retention works all the time; what the accounts at the end are about is kept.
        KEEP_UPDATES: '1d',
        KEEP_TURN_LOGS: '2d',
        KEEP_AUDIT: '3d',
      },
      random,
      telegram: (of) => mutant?.telegram?.(telegram.connection(of)) ?? telegram.connection(of),
      runtime: (of) => mutant?.runtime?.(engine.connection(of)) ?? engine.connection(of),
      observe,
      logged(line) {
        if (line.includes('"turn_stopping"') || line.includes('"turn_adopted"'))
          for (const agent of engine.living()) agent.lookSoon();
      },
      opened: sampleAll,
      neverAsked: (outboxId) => telegram.neverAsked(outboxId),
      overrides: mutant?.overrides ?? {},
      mutate: (db) => mutant?.db?.(db) ?? db,
      onGone() {
        timeline.in(adversity.downtime(), startDaemon);
      },
    });
    world.count('daemons');
    adversity.starting(daemon);
    daemon.start();
  }

  // ------------------------------------------------------------ the operator, at the command line
  function operate(work: (registry: Parameters<typeof registerGroup>[0]) => void): void {
    const db = createDb(databaseFile(world.home));
    db.sqlite.pragma('synchronous = OFF');
    try {
      work({ db, home: world.home, assistantName: 'Nina', now: () => iso(timeline.wall()) });
      registrations.sample(db);
      tasks.sampleAll(db);
    } finally {
      db.sqlite.close();
    }
    world.fileChanged(path.join('data', 'poke'));
  }
  const register = (group: NewGroup) => operate((registry) => registerGroup(registry, group, 'operator'));

  // ------------------------------------------------------------ the places
  const main = telegram.chats.add(1001, 'main', 'private');
  const family = telegram.chats.add(-2001, 'family', 'group');
  const work = telegram.chats.add(-2002, 'work', 'supergroup', [11, 12]);
  const club = telegram.chats.add(-2003, 'club', 'group');
  const guests = telegram.chats.add(-2004, 'guests', 'supergroup');
  register({ chatJid: '1001', name: 'Main', folder: 'main', isMain: true });
  register({ chatJid: '-2001', name: 'Family', folder: 'family', timezone: 'America/New_York' });
  register({ chatJid: '-2002', name: 'Work', folder: 'work', requiresTrigger: false });
  people.settleIn(main, { noTrigger: true, isMain: true, burstEvery: 10 * HOUR });
  people.settleIn(family, { noTrigger: false, isMain: false, burstEvery: 6 * HOUR });
  people.settleIn(work, { noTrigger: true, isMain: false, burstEvery: 9 * HOUR });
  people.settleIn(club, { noTrigger: false, isMain: false, burstEvery: 7 * HOUR });
  people.settleIn(guests, { noTrigger: false, isMain: false, burstEvery: 14 * HOUR });
  timeline.in(beginning.between(0, options.days * DAY), () => people.moveOn(family));
  timeline.in(beginning.between(0, 2 * options.days * DAY), () => {
    world.note('topic deleted', { chat: work.id });
    work.topics.pop();
  });
  const comeAndGo = () => {
    if (!world.faults) return;
    operate((registry) => {
      const group = registry.db.groups.byFolder('club');
      if (group) removeGroup(registry, group, 'operator');
      else {
        const at = club.movedTo ?? club.id;
        registerGroup(registry, { chatJid: String(at), name: 'Club', folder: 'club' }, 'operator');
      }
    });
    timeline.in(beginning.around(5 * DAY), comeAndGo);
  };
  timeline.in(beginning.between(0, DAY), comeAndGo);

  // ------------------------------------------------------------ it happens
  const onStray = (error: unknown) => {
    if (!world.killedNow) world.violated('daemon', `an error that nobody caught: ${show(error)}`);
  };
  async function play(until: number, isOver: () => boolean = () => false): Promise<void> {
    for (;;) {
      world.killedNow = false;
      if (world.daemon) world.daemon.told.length = 0;
      let happened = false;
      try {
        happened = timeline.step(until);
      } catch (error) {
        happened = true;
        if (!(error instanceof Killed))
          world.violated('daemon', `an exception nobody caught: ${show(error)}`);
      }
      await settle();
      look();
      if (!happened || world.violations.length > 0 || isOver()) return;
    }
  }
  const atRest = () => {
    const db = world.daemon?.db;
    if (!db?.sqlite.open || telegram.updates.open.length > 0) return false;
    return openWork(db) === 0 && engine.living().every((agent) => agent.turn === null);
  };

  const strays = ['unhandledRejection', 'uncaughtException'];
  for (const stray of strays) process.on(stray, onStray);
  try {
    startDaemon();
    await play(options.days * DAY);
    world.faults = false;
    world.note('faults end', {});
    const limit = timeline.now + REST_LIMIT;
    while (timeline.now < limit && world.violations.length === 0 && !atRest())
      await play(Math.min(limit, timeline.now + MINUTE), atRest);
    const db = world.daemon?.db;
    if (world.violations.length === 0) {
      if (!db) world.violated('daemon', 'no daemon runs in the end');
      else {
        if (!atRest()) world.violated('G1', `not everything came to rest: ${openWork(db)} things are open`);
        checkMessages({ world, telegram, agents, registrations, written: people.written }, db);
        checkFiles(world, db);
        checkOutbox(world, telegram, registrations, db);
        checkAsides(world, telegram, (chat, messageId) => noted.has(`${chat} ${messageId}`));
        checkTurns(world, agents, db, begun);
        checkCommands(world, agents.commands, registrations, db);
        checkQuestions({ world, telegram, registrations, people, commands: agents.commands }, db);
        tasks.atEnd(db);
      }
    }
    world.count('steps', timeline.steps);
    world.daemon?.kill('the end');
    return world;
  } finally {
    for (const stray of strays) process.off(stray, onStray);
  }
}

/** Until nothing goes on any more but what waits for virtual time: promises, and the few real requests to the file system. */
async function settle(): Promise<void> {
  do await new Promise((resolve) => setImmediate(resolve));
  while (process.getActiveResourcesInfo().some((name) => name.startsWith('FS') || name.startsWith('File')));
}

/** What is still to be done. */
function openWork(db: Db): number {
  return (
    db.sqlite
      .prepare<[], number>(
        `SELECT (SELECT count(*) FROM messages WHERE disposition IS NULL)
           + (SELECT count(*) FROM turns WHERE state IN ('queued', 'running'))
           + (SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending', 'uncertain'))
           + (SELECT count(*) FROM attachments WHERE state = 'pending')
           + (SELECT count(*) FROM progress_messages) + (SELECT count(*) FROM reactions)
           + (SELECT count(*) FROM task_runs WHERE state <> 'finished')`,
      )
      .pluck()
      .get() ?? 0
  );
}

const show = (error: unknown) => (error instanceof Error ? (error.stack ?? error.message) : String(error));
