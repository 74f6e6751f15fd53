/**
 * nanoclaw setup: from a bot token and a key to Nina's first message. Each step looks at what is there first, changes only
 * what is missing or asked for, and keeps what was verified at once, so that it can be stopped and run again anywhere.
 * Fully by flags, too; without a terminal it never asks. Secrets go into .env and nowhere else.
 */
import { existsSync, mkdirSync } from 'node:fs';
import type { Command } from 'commander';
import { callerName, environment, homeOf, readDotEnv } from '../config.ts';
import { databaseFile } from '../db/open.ts';
import { createDb, type Db } from '../db.ts';
import { messageOf, NanoClawError } from '../errors.ts';
import { findDaemon } from '../lib/home-lock.ts';
import type { BotIdentity } from '../telegram/api.ts';
import type { Group } from '../types.ts';
import { findService } from './doctor/installed-service.ts';
import { greet, pairMain, pairTimeoutOf, registerMain, wasGreeted } from './setup/chat.ts';
import { failed, type Setup, save, warn } from './setup/context.ts';
import { type Child, startChild, stopOther, untilReady } from './setup/daemon.ts';
import { describeFlags, type Flags, readSecrets } from './setup/flags.ts';
import { checkMachine, chooseRuntime, type Image, prepareImage } from './setup/machine.ts';
import { type Model, setUpModel } from './setup/model.ts';
import { makeService } from './setup/service.ts';
import { Cancelled, createTalk } from './setup/talk.ts';
import { setUpBot } from './setup/telegram.ts';

/** Ended by Ctrl-C, as a shell counts it. */
const EXIT_CANCELLED = 130;

interface Result {
  bot: BotIdentity | null;
  model: Model;
  image: Image | null;
  main: Group | null;
  greeted: boolean;
  /** How the daemon runs now. */
  daemon: 'service' | 'running' | 'stopped';
}

export function setupCommand(program: Command): void {
  const command = program
    .command('setup')
    .description('from a bot token and a key to the first message; run again to change or check something');
  describeFlags(command).action(async (given: Flags) => {
    const flags = await readSecrets(given, process.stdin);
    const cancelled = new AbortController();
    const cancel = () => cancelled.abort(new Cancelled());
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, cancel);
    const output = flags.json ? process.stderr : process.stdout;
    const talk = createTalk({ input: process.stdin, output, mayAsk: flags.yes !== true });
    const setup: Setup = {
      home: homeOf(),
      flags,
      talk,
      signal: cancelled.signal,
      env: environment(),
      changed: [],
      warnings: [],
    };
    try {
      const result = await run(setup);
      if (flags.json) process.stdout.write(`${JSON.stringify(report(setup, result), null, 2)}\n`);
    } catch (error) {
      if (!(error instanceof Cancelled) && !cancelled.signal.aborted) throw error;
      const kept = setup.changed.length === 0 ? '' : ` Kept: ${setup.changed.join(', ')}.`;
      process.stderr.write(`\nStopped; nothing is half done.${kept} To go on: nanoclaw setup\n`);
      process.exitCode = EXIT_CANCELLED;
    }
  });
}

async function run(setup: Setup): Promise<Result> {
  const { flags, talk, home } = setup;
  prepareHome(setup);
  talk.say(`Setting up NanoClaw in ${home}`);
  const noEngine = await checkMachine(setup);
  const change = await whatToChange(setup);
  const bot = await setUpBot(setup, change.has('bot'));
  const model = await setUpModel(setup, change.has('model'));
  if (flags.name !== undefined) save(setup, { ASSISTANT_NAME: flags.name });
  chooseRuntime(setup, model, noEngine);
  const image = await prepareImage(setup, noEngine);
  const done = { bot, model, image };
  if (!flags.start) return { ...done, main: null, greeted: false, daemon: stateOf(setup) };
  return { ...done, ...(await bringToLife(setup, bot)) };
}

/** Root's files in somebody else's home would stop the daemon later, where nobody looks. */
function prepareHome({ home, flags }: Setup): void {
  const caller = callerName();
  if (process.getuid?.() === 0 && caller !== undefined && caller !== 'root')
    throw new NanoClawError(
      'COMMAND_INVALID',
      'Run this as yourself, not by sudo: the files would belong to root.',
      {
        fix: 'nanoclaw setup, and for a service of the whole machine afterwards: sudo bin/nanoclaw service install --system',
      },
    );
  pairTimeoutOf(flags.pairTimeout);
  try {
    mkdirSync(home, { recursive: true });
  } catch (cause) {
    throw new NanoClawError('HOME_UNWRITABLE', `${home} cannot be made: ${messageOf(cause)}.`, {
      fix: 'Give this user write access to it, or set NANOCLAW_HOME.',
      cause,
    });
  }
}

/** Where everything is there already, somebody who can be asked says what shall be another. */
async function whatToChange(setup: Setup): Promise<Set<'bot' | 'model'>> {
  const { talk } = setup;
  if (!readDotEnv(setup.home).TELEGRAM_BOT_TOKEN || !talk.interactive) return new Set();
  const answer = await talk.choose(
    'This NanoClaw has been set up before. What shall be changed?',
    [
      { value: 'nothing', label: 'nothing: look whether all works' },
      { value: 'bot', label: 'the bot’s token' },
      { value: 'model', label: 'the model or its credential' },
      { value: 'both', label: 'both' },
    ],
    'nothing',
  );
  if (answer === 'both') return new Set(['bot', 'model']);
  return new Set(answer === 'nothing' ? [] : [answer]);
}

/** Service, main chat and first message; starts the daemon only where one of them needs it. */
async function bringToLife(
  setup: Setup,
  bot: BotIdentity | null,
): Promise<Pick<Result, 'main' | 'greeted' | 'daemon'>> {
  const { flags, talk } = setup;
  const asService = await makeService(setup);
  const lacks = whatIsMissing(setup);
  let child: Child | null = null;
  let ended = false;
  try {
    if (!asService) child = await takeOver(setup, lacks);
    let main: Group | null = null;
    let greeted = false;
    if (lacks.length > 0 || asService || child) {
      await untilReady(setup, child);
      talk.good('Nina is awake.');
      const { pair, mainChat } = flags;
      ({ main, greeted } = await withDatabase(setup, async (db) => {
        const paired =
          mainChat !== undefined
            ? registerMain(setup, db, mainChat)
            : (db.groups.main() ?? (pair ? await pairMain(setup, db, bot?.username ?? null) : null));
        if (!paired || wasGreeted(db)) return { main: paired, greeted: false };
        return {
          main: paired,
          greeted: await greet(setup, db, paired, { asService }),
        };
      }));
    } else main = knownMain(setup);
    if (child && talk.interactive) ended = await stay(setup, child);
    else sayHowToStart(setup, asService);
    return { main, greeted, daemon: child ? 'stopped' : stateOf(setup) };
  } finally {
    if (child && !ended) await child.stop();
  }
}

/** What needs a daemon that runs. */
function whatIsMissing(setup: Setup): string[] {
  const { flags } = setup;
  if (!existsSync(databaseFile(setup.home))) return flags.pair || flags.mainChat ? ['main'] : [];
  return withOpenDatabase(setup, (db) => {
    if (db.groups.main() === null) return flags.pair || flags.mainChat ? ['main'] : [];
    return wasGreeted(db) ? [] : ['hello'];
  });
}

/** Null when the daemon that runs will do, or none is needed. */
async function takeOver(setup: Setup, lacks: readonly string[]): Promise<Child | null> {
  const { talk } = setup;
  const other = findDaemon(setup.home);
  if (other) {
    if (setup.changed.length === 0) return null;
    const what = `The daemon (process ${other.pid}) runs with the settings of before`;
    if (
      !(await talk.confirm(`${what}. Stop it, and go on here?`, setup.flags.yes === true || talk.interactive))
    ) {
      if (lacks.length > 0)
        throw failed(`${what}.`, 'Stop it, then run nanoclaw setup again (or add --yes, which stops it).');
      warn(setup, `${what}: restart it.`);
      return null;
    }
    await stopOther(setup, other);
  }
  const wanted =
    lacks.length > 0 || (talk.interactive && (await talk.confirm('Start Nina here, until Ctrl-C?', true)));
  return wanted ? startChild(setup) : null;
}

/** True when the daemon has ended. Until then the wizard only waits. */
async function stay(setup: Setup, child: Child): Promise<boolean> {
  const { talk, signal } = setup;
  const keep = await talk.confirm('Setup is done. Keep Nina running here, until Ctrl-C?', true);
  if (!keep) {
    sayHowToStart(setup, false);
    return false;
  }
  talk.say(
    'Nina works. Ctrl-C stops her; "npm start" starts her again, "nanoclaw service install" at every boot.',
  );
  // Ctrl-C reaches her, too; another signal is passed on.
  signal.addEventListener('abort', () => void child.stop(), { once: true });
  const code = await child.ended;
  if (code !== 0) throw failed(`The daemon ended with exit code ${code}.`, 'nanoclaw.log tells why.');
  talk.say('Nina has stopped.');
  return true;
}

function sayHowToStart(setup: Setup, asService: boolean): void {
  if (asService)
    setup.talk.good('Done. "nanoclaw status" shows how she is; "nanoclaw logs -f" follows along.');
  else if (findDaemon(setup.home)) setup.talk.good('Done.');
  else setup.talk.good('Done. Start her with "npm start", or at every boot with "nanoclaw service install".');
}

function stateOf({ home }: Setup): Result['daemon'] {
  if (!findDaemon(home)) return 'stopped';
  return findService(home) ? 'service' : 'running';
}

const knownMain = (setup: Setup): Group | null =>
  existsSync(databaseFile(setup.home)) ? withOpenDatabase(setup, (db) => db.groups.main()) : null;

function withOpenDatabase<T>({ home }: Setup, work: (db: Db) => T): T {
  const db = createDb(databaseFile(home));
  try {
    return work(db);
  } finally {
    db.close();
  }
}

async function withDatabase<T>({ home }: Setup, work: (db: Db) => Promise<T>): Promise<T> {
  const db = createDb(databaseFile(home));
  try {
    return await work(db);
  } finally {
    db.close();
  }
}

/** The shape of `--json`. */
function report(setup: Setup, { bot, model, image, main, greeted, daemon }: Result) {
  return {
    home: setup.home,
    changed: setup.changed,
    bot: bot && {
      id: bot.id,
      username: bot.username,
      name: bot.name,
      reads_all_messages: bot.readsAllMessages,
    },
    model,
    image,
    main: main && { chat_jid: main.chatJid, name: main.name, folder: main.folder },
    greeted,
    daemon,
    warnings: setup.warnings,
  };
}
