/** nanoclaw forget <chat>: has messages forgotten, as /forget in main does; by the daemon, or here while none runs. */
import type { Command } from 'commander';
import type { Config } from '../config.ts';
import type { Scope } from '../db/forgettings.ts';
import type { Db } from '../db.ts';
import { NanoClawError } from '../errors.ts';
import { goingBackups } from '../forgetting/backups.ts';
import { type Forgotten, forgetNow } from '../forgetting.ts';
import { systemClock } from '../lib/clock.ts';
import { lockHome } from '../lib/home-lock.ts';
import { silentLogger } from '../log.ts';
import { type Group, iso, type Seq } from '../types.ts';
import { ENGLISH } from '../words.ts';
import { findGroup, type Output, print, withDb } from './context.ts';
import { SINCE_HELP, sinceOf } from './listing.ts';

interface ForgetFlags extends Output {
  person?: string;
  since?: string;
  message?: string;
  yes?: boolean;
}

export function forgetCommand(program: Command): void {
  program
    .command('forget')
    .description('forget messages of a group: with search entries, quotes, files, answers and archived lines')
    .argument('<chat>', 'chat id or folder')
    .option('--person <id>', 'only of this person (Telegram id)')
    .option('--since <time>', SINCE_HELP)
    .option('--message <id>', 'only this message')
    .option('--yes', 'do it; without it, only say how many are meant')
    .option('--json', 'machine-readable')
    .action((chat: string, options: ForgetFlags) =>
      withDb((db, config) => {
        const scope = scopeOf(db, findGroup(db, chat), options);
        const { count, more } = db.forgettings.count(scope);
        const meant = `${more ? 'at least ' : ''}${count}`;
        if (!options.yes) {
          print(
            options,
            { meant: count, state: 'asked' },
            `${meant} are meant. Say it again with --yes; it cannot be undone.`,
          );
          return;
        }
        const by = { askedBy: 'cli', toldJid: null, threadId: null, at: iso(Date.now()) };
        db.forgettings.add(scope, by);
        const done = doHere(db, config);
        if (done === null)
          print(options, { meant: count, state: 'begun' }, `The daemon forgets them now: ${meant}.`);
        else
          print(
            options,
            { meant: count, state: 'done', done: done.done, backups: done.held },
            ENGLISH.forgotten(done.done, done.held),
          );
      }),
    );
}

function scopeOf(db: Db, { chatJid }: Group, { person, since, message }: ForgetFlags): Scope {
  const all = { chatJid, sender: person ?? null, since: sinceOf(since) ?? ('' as const) };
  if (message === undefined) return { ...all, fromSeq: 1 as Seq, toSeq: db.forgettings.lastSeq() };
  const known = /^-?\d{1,15}$/.test(message) ? db.messages.byMessageId(chatJid, Number(message)) : null;
  if (known === null)
    throw new NanoClawError('COMMAND_INVALID', `There is no message "${message}" in this chat.`);
  return { ...all, fromSeq: known.seq, toSeq: known.seq };
}

/** Null: a daemon runs, and does it. */
function doHere(db: Db, { home, backup, timezone }: Config): Forgotten | null {
  let lock: ReturnType<typeof lockHome>;
  try {
    lock = lockHome(home);
  } catch (error) {
    if (error instanceof NanoClawError && error.code === 'HOME_LOCKED') return null;
    throw error;
  }
  try {
    return forgetNow({
      ...{ db, home, timezone, clock: systemClock, log: silentLogger(), wakeDelivery: () => {} },
      backups: goingBackups(backup),
    });
  } finally {
    lock.release();
  }
}
