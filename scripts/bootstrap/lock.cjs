// @ts-check
/**
 * One start at a time makes something in this folder. The lock is a file that lists the process ids that hold it, so that
 * it outlives a killed start as long as the npm it began, and not longer.
 */
'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { SetupError, codeOf, readText } = require('./common.cjs');

/** @typedef {import('./common.cjs').Setup} Setup */

const LOCK_WRITE_GRACE_MS = 5000;

/**
 * @callback Hold tells the lock about a process that works for us, so that the lock outlives us with it
 * @param {number} pid
 * @returns {void}
 */

/**
 * Does `work` unless `done()`, under the lock, after looking again.
 * @param {Setup} setup
 * @param {() => boolean} done
 * @param {(hold: Hold) => Promise<void>} work
 */
async function makeOnce(setup, done, work) {
  if (done()) return;
  const file = path.join(setup.root, '.node', 'lock');
  await acquire(setup, file);
  try {
    if (!done()) await work((pid) => fs.appendFileSync(file, `${pid}\n`));
  } finally {
    fs.rmSync(file, { force: true });
  }
}

/**
 * Resolves once `file` is ours. It lists the process ids that hold it, one a line.
 * @param {Setup} setup
 * @param {string} file
 */
async function acquire(setup, file) {
  /** @param {unknown} error */
  const unwritable = (error) =>
    new SetupError(
      `${setup.root} has to be set up, but cannot be written (${codeOf(error)}). ` +
        'Start once as a user who may write there.',
    );
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true });
  } catch (error) {
    throw unwritable(error);
  }
  let told = false;
  for (;;) {
    try {
      fs.writeFileSync(file, `${process.pid}\n`, { flag: 'wx' });
      return;
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw unwritable(error);
    }
    if (breakStale(file)) continue;
    if (!told) setup.say('Another start is setting up this folder; waiting for it …');
    told = true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/**
 * Takes away a lock nobody holds any more. True when it is worth trying again at once.
 * @param {string} file
 */
function breakStale(file) {
  const seen = readText(file);
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  if (seen === undefined || stat === undefined) return true;
  const bootedAt = Date.now() - os.uptime() * 1000;
  const pids = seen.split('\n').filter(Boolean).map(Number);
  const justMade = pids.length === 0 && Date.now() - stat.mtimeMs < LOCK_WRITE_GRACE_MS;
  if (justMade || (stat.mtimeMs > bootedAt && pids.some(isAlive))) return false;

  const aside = `${file}.${process.pid}`;
  try {
    fs.renameSync(file, aside);
    // Between the look and the rename another start may have replaced the stale lock by its own: give that back.
    if (readText(aside) !== seen) fs.linkSync(aside, file);
  } catch {
    // Gone, or taken again: the next try finds out.
  }
  fs.rmSync(aside, { force: true });
  return true;
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

module.exports = { makeOnce };
