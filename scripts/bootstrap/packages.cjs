// @ts-check
/** The packages of the lock files. */
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { SetupError, hash, isMusl, readText } = require('./common.cjs');
const { makeOnce } = require('./lock.cjs');
const { npm } = require('./processes.cjs');

/** @typedef {import('./common.cjs').Setup} Setup */

/**
 * Makes node_modules hold what package-lock.json says. What someone installed by hand is recognised, not repeated.
 * @param {Setup} setup
 * @param {string} node
 */
async function ensureInstalled(setup, node) {
  await install(setup, node, { folder: setup.root, what: 'dependencies', optional: true });
}

/**
 * The same for the agent runner, for its tests and types alone: an agent's image installs its own. Without the optional
 * packages, among them several hundred megabytes of Claude Code.
 * @param {Setup} setup
 * @param {string} node
 */
async function ensureAgentInstalled(setup, node) {
  const folder = path.join(setup.root, 'container', 'agent-runner');
  await install(setup, node, { folder, what: "the agent runner's dependencies", optional: false });
}

/**
 * @param {Setup} setup
 * @param {string} node
 * @param {{ folder: string, what: string, optional: boolean }} options
 */
async function install(setup, node, { folder, what, optional }) {
  const modules = path.join(folder, 'node_modules');
  const stamp = path.join(modules, '.nanoclaw-stamp');
  const installed = () => {
    const lock = fs.readFileSync(path.join(folder, 'package-lock.json'), 'utf8');
    const want = `${process.platform}-${process.arch} ${hash(lock)}`;
    if (readText(stamp) === want) return true;
    if (!holdsLocked(lock, readText(path.join(modules, '.package-lock.json')), optional)) return false;
    try {
      fs.writeFileSync(stamp, want);
    } catch {
      // A read-only folder: looked at again next time.
    }
    return true;
  };
  await makeOnce(setup, installed, async (lock) => {
    const first = !fs.existsSync(modules);
    setup.say(first ? `Installing ${what} (first start, about 20 s) …` : `Updating ${what} (about 20 s) …`);
    fs.rmSync(stamp, { force: true });
    // Not `npm ci`: that refuses a lock file which was written where the optional packages of another platform could not be
    // seen. This keeps to the locked versions too, and leaves the lock file alone. The includes are for people whose settings
    // (NODE_ENV=production) would leave out what builds the program.
    const args = ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--include=dev'];
    args.push(optional ? '--include=optional' : '--omit=optional');
    await npm(setup, lock, node, args, { folder, doing: `Installing ${what}` });
    if (!installed()) {
      throw new SetupError(
        `npm install succeeded, but ${modules} does not hold what package-lock.json lists. ` +
          'Remove that folder, then start again.',
      );
    }
  });
}

/**
 * Whether npm's own record of node_modules has each package of the lock file that this machine needs.
 * @param {string} lockText
 * @param {string | undefined} recordText
 * @param {boolean} optional whether the optional ones are wanted
 */
function holdsLocked(lockText, recordText, optional) {
  if (recordText === undefined) return false;
  const libc = isMusl() ? 'musl' : 'glibc';
  const { packages } = JSON.parse(lockText);
  const record = JSON.parse(recordText).packages ?? {};
  /** @type {(list: string[] | undefined, value: string) => boolean} */
  const fits = (list, value) => list === undefined || list.includes(value);
  return Object.entries(packages).every(([name, entry]) => {
    if (name === '' || record[name]?.version === entry.version) return true;
    const forHere =
      fits(entry.os, process.platform) && fits(entry.cpu, process.arch) && fits(entry.libc, libc);
    return entry.optional === true && !(optional && forHere && entry.os !== undefined);
  });
}

module.exports = { ensureAgentInstalled, ensureInstalled };
