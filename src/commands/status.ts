/** nanoclaw status: from the running daemon, or from the database when it is stopped, and says which. */
import type { Command } from 'commander';
import { homeOf, statusTokenOf } from '../config.ts';
import { CHAT_TOLD } from '../db/problems.ts';
import { type DaemonInfo, findDaemon } from '../lib/home-lock.ts';
import { type DaemonStatus, describeProblem, describeStatus, isConnected } from '../status.ts';
import { type Output, print, withDb } from './context.ts';

export function statusCommand(program: Command): void {
  program
    .command('status')
    .description('is it running, connected, and what is it doing?')
    .option('--json', 'machine-readable')
    .action(async (options: Output) => {
      const daemon = findDaemon(homeOf());
      if (!daemon?.url) return stopped(options);
      const status = await ask(daemon.url);
      if (typeof status === 'string') return withoutStatus(options, daemon, status);
      print(options, { running: true, connected: isConnected(status), ...status }, describeStatus(status));
      if (!isConnected(status)) process.exitCode = 1;
    });
}

/** Its status, or why there is none. */
async function ask(url: string): Promise<DaemonStatus | string> {
  try {
    const token = statusTokenOf(homeOf());
    const response = await fetch(`${url}/status`, {
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(5000),
    });
    if (response.ok) return (await response.json()) as DaemonStatus;
    return response.status === 503 ? 'is starting' : `answers ${response.status}`;
  } catch {
    return 'does not answer';
  }
}

function withoutStatus(options: Output, { pid, started_at: startedAt, url }: DaemonInfo, why: string): void {
  const value = { running: true, connected: false, pid, startedAt, url, problem: why };
  print(options, value, `The daemon (process ${pid}, since ${startedAt}) ${why}.`);
  process.exitCode = 1;
}

function stopped(options: Output): Promise<void> {
  return withDb((db, config) => {
    const outbox = db.outbox.backlog();
    const open = db.turns.open();
    const problems = db.problems.open().filter(({ kind }) => kind !== CHAT_TOLD);
    const value = {
      running: false,
      connected: false,
      home: config.home,
      turnsOpen: open.length,
      outbox,
      groups: db.groups.all().length,
      problems,
    };
    const lines = [
      `The daemon is stopped (home ${config.home}).`,
      `Turns that were running: ${open.length}`,
      `Outbox: ${outbox.count === 0 ? 'empty' : `${outbox.count} to send, oldest from ${outbox.oldest}`}`,
      `Groups: ${value.groups}`,
      ...problems.map((problem) => `Problem since ${problem.openedAt}: ${describeProblem(problem)}`),
    ];
    print(options, value, lines.join('\n'));
    process.exitCode = 1;
  });
}
