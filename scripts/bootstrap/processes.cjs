// @ts-check
/** Running npm and other programs, and standing in for one. */
'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { Interrupted, SetupError, codeOf, nodeFloor } = require('./common.cjs');

/** @typedef {import('./common.cjs').Setup} Setup */
/** @typedef {import('./lock.cjs').Hold} Hold */

/** Tells the process that is started again who starts it; its file descriptor 3 is then a pipe to that one. */
const LIFELINE = 'NANOCLAW_STARTED_BY';
/** @type {NodeJS.Signals[]} */
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'];
/**
 * npm's own retries are for each package, and let a machine without a network wait for minutes. Two tries of the whole do
 * as well: the second goes on from npm's cache.
 */
const IMPATIENT = ['--fetch-retries=0', '--fetch-timeout=60000', '--prefer-offline'];
const TRIES = 2;
const PAUSE_MS = 1000;
const OUTPUT_TAIL = 4096;

/**
 * Runs npm under `node`; when that fails twice, shows the end of its output and throws.
 * @param {Setup} setup
 * @param {Hold} hold
 * @param {string} node
 * @param {string[]} args
 * @param {{ folder: string, doing: string, otherwise?: string }} options
 */
async function npm(setup, hold, node, args, { folder, doing, otherwise }) {
  const command = findNpm(setup, node);
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 1000);
  const patience = setInterval(() => setup.say(`… still at it after ${seconds()} s`), 30_000);
  try {
    const full = [...command.slice(1), ...args, '--loglevel=error', ...IMPATIENT];
    const once = () => run(folder, hold, command[0] ?? 'npm', full, childEnv(setup.env, node));
    let result = await once();
    for (let tried = 1; result.code !== 0 && tried < TRIES; tried += 1) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      result = await once();
    }
    if (result.code === 0) return;
    setup.say(result.output.trimEnd());
    throw new SetupError(
      `${doing} failed (npm ${args[0]} ended with ${result.code}; its reason is above). ` +
        `Check the network and npm's settings, then start again${otherwise ? `; ${otherwise}` : ''}.`,
    );
  } finally {
    clearInterval(patience);
  }
}

/**
 * The command that is npm: the one that started us, or the first on the PATH.
 * @param {Setup} setup
 * @param {string} node
 * @returns {string[]}
 */
function findNpm(setup, node) {
  const starter = setup.env.npm_execpath;
  if (starter && path.basename(starter) === 'npm-cli.js' && fs.existsSync(starter)) return [node, starter];
  const folders = [path.dirname(setup.execPath), ...(setup.env.PATH ?? '').split(path.delimiter)];
  for (const folder of folders) {
    const candidate = path.join(folder, 'npm');
    if (folder !== '' && fs.existsSync(candidate)) return [candidate];
  }
  throw new SetupError(
    `npm was not found, and NanoClaw needs it to set itself up. Install Node ${nodeFloor(setup.root)} or newer ` +
      'together with npm (on Debian and Ubuntu: apt-get install npm), then start again.',
  );
}

/**
 * Runs a command in a folder and collects the end of its output. Rejects only when it cannot be started.
 * A signal to us is passed on, and comes back as Interrupted when the command has ended.
 * @param {string} cwd
 * @param {Hold} hold
 * @param {string} command
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<{ code: number | string, output: string }>}
 */
function run(cwd, hold, command, args, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    if (child.pid !== undefined) hold(child.pid);
    let output = '';
    /** @param {Buffer} chunk */
    const collect = (chunk) => {
      output = (output + chunk).slice(-OUTPUT_TAIL);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    /** @type {NodeJS.Signals | undefined} */
    let signalled;
    const unforward = forwardSignals((signal) => {
      signalled = signal;
      child.kill(signal);
    });
    child.on('error', (error) => {
      unforward();
      resolve({ code: codeOf(error), output: error.message });
    });
    child.on('close', (code, signal) => {
      unforward();
      if (signalled) reject(new Interrupted(signalled));
      else resolve({ code: code ?? signal ?? 1, output });
    });
  });
}

/**
 * @param {(signal: NodeJS.Signals) => void} handler
 * @returns {() => void} stops it
 */
function forwardSignals(handler) {
  for (const signal of FORWARDED) process.on(signal, handler);
  return () => {
    for (const signal of FORWARDED) process.off(signal, handler);
  };
}

/**
 * Runs a command in this process's place: its terminal, signals and exit code are ours. Never resolves.
 * @param {string} command
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @param {'pipe' | 'ignore'} [lifeline] `pipe` for a command that takes up the lifeline
 * @returns {Promise<never>}
 */
function become(command, args, env, lifeline = 'ignore') {
  return new Promise((_, reject) => {
    const child = spawn(command, args, { stdio: ['inherit', 'inherit', 'inherit', lifeline], env });
    // A terminal sends Ctrl-C to the whole foreground group: the child has it already.
    const terminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
    const unforward = forwardSignals((signal) => {
      if (!(terminal && signal === 'SIGINT')) child.kill(signal);
    });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      unforward();
      if (signal) process.kill(process.pid, signal);
      else process.exit(code ?? 1);
    });
  });
}

/**
 * Where an older Node started us again (see `bootstrap`), that process is the one others know and may kill the hard way.
 * Then this one must end too, as if there were only one: the pipe between them closes.
 */
function holdLifeline() {
  const starter = process.env[LIFELINE];
  delete process.env[LIFELINE];
  if (starter !== String(process.ppid)) return;
  const line = new net.Socket({ fd: 3, readable: true, writable: false });
  line.on('error', () => {});
  line.on('close', () => process.kill(process.pid, 'SIGKILL'));
  line.resume();
  line.unref();
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {string} node the Node that children must find first
 * @returns {NodeJS.ProcessEnv}
 */
function childEnv(env, node) {
  return { ...env, PATH: [path.dirname(node), env.PATH ?? ''].join(path.delimiter) };
}

module.exports = { LIFELINE, become, childEnv, holdLifeline, npm, run };
