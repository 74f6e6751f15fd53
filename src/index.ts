/**
 * The daemon: the story of the process. Settings → log → app → start; a signal stops it in reverse, within ten
 * seconds; running turns go on in their containers and are adopted by the next daemon. Exit codes: 0 stopped,
 * 1 failed, 2 wrong settings, 75 a watchdog gave up (a new process may do better).
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { type App, createApp } from './app.ts';
import { type Config, loadConfig, serviceManagerOf } from './config.ts';
import { messageOf, NanoClawError } from './errors.ts';
import { systemClock } from './lib/clock.ts';
import { openRotatingFile, type RotatingFile } from './log/rotating-file.ts';
import { createLogger, type Logger } from './log.ts';
import { createNotifier } from './service/notify.ts';
import { startLoopWatchdog } from './watchdog/event-loop.ts';

const STOP_DEADLINE_MS = 9000;
const SAME_SIGNAL_MS = 1000;
/** EX_TEMPFAIL of sysexits(3). */
const EXIT_WATCHDOG = 75;

const [, program = '', argument] = process.argv;
// `nanoclaw start` comes here, too, by way of the command line, which has read its arguments.
const isOwn = path.basename(program).startsWith('index.');
process.exitCode = isOwn && argument !== undefined ? usage(argument) : await run();

/** The daemon takes no arguments: whoever gives one means the command line. */
function usage(argument: string): number {
  const text = `node dist/index.js starts the daemon and takes no arguments; its settings are in .env (docs/operations.md).
For everything else: bin/nanoclaw --help\n`;
  if (argument === '--help' || argument === '-h') {
    process.stdout.write(text);
    return 0;
  }
  process.stderr.write(`"${argument}" is no argument of the daemon; expected none.\n${text}`);
  return 2;
}

async function run(): Promise<number> {
  // A daemon waits most of the time: V8 gives memory back sooner, for the same time a message (docs/performance.md).
  setFlagsFromString('--optimize-for-size');
  let config: Config;
  let log: Logger;
  let file: RotatingFile;
  let logFile: string;
  try {
    config = loadConfig();
    logFile = path.join(config.home, 'nanoclaw.log');
    file = openLogFile(config, logFile);
    log = openLog(config, file);
  } catch (error) {
    return explain(error);
  }
  const app = createApp(config, log);
  const service = createNotifier({
    clock: systemClock,
    manager: serviceManagerOf(),
    onProblem: (why) => log.warn({ event: 'notify_failed' }, `systemd could not be told: ${why}`),
  });
  if (config.watchdogTimeoutMs > 0) startLoopWatchdog({ limitMs: config.watchdogTimeoutMs, logFile });
  const ended = watchProcess(app, log, () => service.stopping());
  try {
    log.info({ event: 'starting', home: config.home, pid: process.pid }, 'NanoClaw starts');
    await app.start();
    service.ready();
    // From here on this process holds the home's lock: no other one rotates.
    file.allowRotation();
    process.stderr.write(welcome(app, config));
  } catch (error) {
    const code = explain(error);
    log.fatal({ event: 'start_failed', err: error }, messageOf(error));
    await app.stop().catch(() => {});
    process.exit(code);
  }
  const code = await ended;
  process.exit(code);
}

/** Throws HOME_UNWRITABLE. */
function openLogFile({ home, logFile }: Config, file: string): RotatingFile {
  try {
    mkdirSync(home, { recursive: true });
    return openRotatingFile({ ...logFile, file, now: Date.now });
  } catch (cause) {
    throw new NanoClawError('HOME_UNWRITABLE', `${file} cannot be opened: ${messageOf(cause)}.`, {
      fix: `Give the user that runs NanoClaw write access to ${home}, and see that its disk has room.`,
      cause,
    });
  }
}

function openLog(config: Config, file: RotatingFile): Logger {
  const { telegram, credential, http } = config;
  // The terminal was closed, or what the output was piped into has ended: nanoclaw.log is still written.
  let listened = true;
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', () => {
      listened = false;
    });
  return createLogger({
    file,
    level: config.logLevel,
    console: { write: (line) => void (listened && process.stderr.write(line)) },
    secrets: [telegram.token, credential?.value, http.token].filter((secret) => typeof secret === 'string'),
  });
}

/** Resolves with the exit code when it is over. */
function watchProcess(app: App, log: Logger, onStop: () => void): Promise<number> {
  return new Promise((resolve) => {
    const stop = (reason: string, code: number) => {
      if (stopping) return;
      stopping = true;
      log.info({ event: 'stopping', reason }, 'NanoClaw stops');
      onStop();
      const deadline = setTimeout(() => {
        log.error({ event: 'stop_deadline' }, 'stopping took too long; ending now, nothing is lost');
        resolve(code);
      }, STOP_DEADLINE_MS);
      app
        .stop()
        .catch((error: unknown) => log.error({ event: 'stop_failed', err: error }, messageOf(error)))
        .finally(() => {
          clearTimeout(deadline);
          log.info({ event: 'stopped' }, 'NanoClaw has stopped');
          resolve(code);
        });
    };
    let stopping = false;
    let askedAt = 0;
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      process.on(signal, () => {
        // A second Ctrl-C. One that comes with the first is npm passing on what the terminal has sent already.
        if (stopping && signal === 'SIGINT' && performance.now() - askedAt > SAME_SIGNAL_MS)
          process.exit(130);
        if (!stopping) askedAt = performance.now();
        stop(signal, 0);
      });
    }
    void app.wedged.then((reason) => {
      log.fatal({ event: 'watchdog_exit', reason }, `ending: ${reason}`);
      stop('watchdog', EXIT_WATCHDOG);
    });
    const crash = (error: unknown) => {
      log.fatal({ event: 'crashed', err: error }, messageOf(error));
      stop('crash', 1);
    };
    process.on('uncaughtException', crash);
    process.on('unhandledRejection', crash);
  });
}

function explain(error: unknown): number {
  if (error instanceof NanoClawError) {
    process.stderr.write(`${error.message}\n${error.fix ? `→ ${error.fix}\n` : ''}`);
    return error.code === 'CONFIG_INVALID' ? 2 : 1;
  }
  process.stderr.write(`NanoClaw could not start: ${messageOf(error)}\n`);
  return 1;
}

function welcome(app: App, config: Config): string {
  const lines = app.simulator()
    ? [
        'No TELEGRAM_BOT_TOKEN is set, so this runs with the built-in Telegram simulator.',
        `Open ${app.url()} and write "@${config.assistantName} hello" into the group Family.`,
        `Status: ${app.url()}/status/`,
      ]
    : [`Status: ${app.url()}/status/`];
  return `\n${lines.map((line) => `  ${line}`).join('\n')}\n\n`;
}
