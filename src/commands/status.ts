/** nanoclaw status: from the running daemon, or from the database when it is stopped, and says which. */
import type { IncomingMessage, RequestOptions } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { homeOf, statusTokenOf } from '../config.ts';
import { CHAT_TOLD } from '../db/problems.ts';
import { type DaemonInfo, findDaemon } from '../lib/home-lock.ts';
import { http } from '../lib/node-http.ts';
import { describeStatus, describeStopped } from '../status/describe.ts';
import { readOverview } from '../status/overview.ts';
import { type DaemonStatus, isConnected } from '../status.ts';
import { type Output, readDb } from './context.ts';
import { secondsOf, watchTerminal } from './watch.ts';

interface StatusFlags extends Output {
  watch?: string | true;
}

/** What was seen at one look. `connected` false is exit code 1. */
interface Look {
  value: { running: boolean; connected: boolean };
  text: string;
}

export function statusCommand(program: Command): void {
  program
    .command('status')
    .description('is it running, connected, and what is it doing?')
    .option('--watch [seconds]', 'redraw until Ctrl-C, every 2 seconds or so many')
    .option('--json', 'machine-readable; with --watch one line each')
    .action(async (options: StatusFlags) => {
      if (options.watch !== undefined) {
        const everyMs = secondsOf(options.watch === true ? '2' : options.watch, '--watch') * 1000;
        return watchTerminal({
          everyMs,
          lines: options.json === true,
          async look(signal) {
            const seen = await look(signal);
            return options.json ? JSON.stringify(seen.value) : plain(seen.text);
          },
        });
      }
      const seen = await look();
      process.stdout.write(
        options.json ? `${JSON.stringify(seen.value, null, 2)}\n` : `${plain(seen.text)}\n`,
      );
      if (!seen.value.connected) process.exitCode = 1;
    });
}

async function look(signal?: AbortSignal): Promise<Look> {
  const daemon = findDaemon(homeOf());
  if (!daemon?.url) return stopped();
  const status = await ask(daemon.url, signal);
  if (typeof status === 'string') return withoutStatus(daemon, status);
  const value = { running: true, connected: isConnected(status), ...status };
  return { value, text: describeStatus(status) };
}

/** Its status, or why there is none. */
async function ask(url: string, signal = new AbortController().signal): Promise<DaemonStatus | string> {
  try {
    const token = statusTokenOf(homeOf());
    const response = await get(`${url}/status`, {
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
      signal: AbortSignal.any([signal, AbortSignal.timeout(5000)]),
      agent: false,
    });
    const body = await text(response);
    if (response.statusCode === 200) return JSON.parse(body) as DaemonStatus;
    return response.statusCode === 503 ? 'is starting' : `answers ${response.statusCode}`;
  } catch {
    return 'does not answer';
  }
}

/** Node's http: loading what fetch is made of would take longer than all the rest. */
function get(url: string, options: RequestOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    http.get(url, options, resolve).once('error', reject);
  });
}

function withoutStatus({ pid, started_at: startedAt, url }: DaemonInfo, why: string): Look {
  const value = { running: true, connected: false, pid, startedAt, url, problem: why };
  const fix =
    '→ nanoclaw logs tells what it does; if it stays so: nanoclaw service restart, or stop that process and start it.';
  return { value, text: `The daemon (process ${pid}, since ${startedAt}) ${why}.\n${fix}` };
}

function stopped(): Promise<Look> {
  return readDb((db, config) => {
    const nowMs = Date.now();
    const overview = readOverview(db, nowMs);
    const problems = db.problems
      .open()
      .filter(({ kind }) => kind !== CHAT_TOLD)
      .map(({ openedAt, ...problem }) => ({ ...problem, since: openedAt, openedAt }));
    const value = {
      running: false,
      connected: false,
      home: config.home,
      now: new Date(nowMs).toISOString(),
      turnsOpen: overview.turns.length,
      groups: overview.perGroup.length,
      problems,
      ...overview,
    };
    return { value, text: describeStopped(config.home, overview, problems, nowMs) };
  });
}

/** Names and errors come from outside: nothing in them may steer the terminal. */
const plain = (text: string): string => text.replace(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '');
