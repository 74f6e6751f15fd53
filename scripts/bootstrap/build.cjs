// @ts-check
/** A build of the sources as they are. Shared with scripts/build.mjs, which writes the stamp. */
'use strict';

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { SetupError, readText } = require('./common.cjs');
const { makeOnce } = require('./lock.cjs');
const { childEnv, run } = require('./processes.cjs');

/** @typedef {import('./common.cjs').Setup} Setup */

/** Folders and files the build reads. Tests and dot files are left out: they do not change what is built. */
const BUILD_INPUTS = [
  'src',
  'container/agent-runner/src',
  'bench',
  'simulation',
  'scripts/build.mjs',
  'package.json',
  'package-lock.json',
];
const NOT_BUILT = /^\.|~$|\.test\.ts$|^results\.json$/;

/** In dist/: how the sources looked when they were last found to be the ones of the build. */
const SEEN = '.seen';
const SETTLED_MS = 2000;

/**
 * Makes dist/ the build of the sources as they are.
 * @param {Setup} setup
 * @param {string} node
 */
async function ensureBuilt(setup, node) {
  await makeOnce(
    setup,
    () => isBuilt(setup.root),
    async (lock) => {
      setup.say('Building …');
      const script = path.join(setup.root, 'scripts', 'build.mjs');
      const result = await run(setup.root, lock, node, [script], childEnv(setup.env, node));
      if (result.code !== 0) {
        setup.say(result.output.trimEnd());
        throw new SetupError(
          'Building failed for the reason above. Undo your last change to the sources; in an untouched clone, report it.',
        );
      }
    },
  );
}

/**
 * Whether dist/ is the build of the sources, by their contents. Reading them all takes longer than the command that waits for
 * it, so the last look is remembered: files whose number, size, change time and place are all the same are the same files,
 * as git's index has it. A copied or unpacked folder looks different, and is read again.
 * @param {string} root
 */
function isBuilt(root) {
  const stamp = readStamp(root);
  if (stamp === undefined) return false;
  const { digest, newestMs } = lookAt(root);
  const file = path.join(root, 'dist', SEEN);
  const seen = `${stamp.hash} ${digest}`;
  if (readText(file) === seen) return true;
  if (stamp.hash !== sourceHash(root)) return false;
  // A file that was changed just now may change again within the same tick of the clock.
  if (Date.now() - newestMs > SETTLED_MS) {
    try {
      fs.writeFileSync(`${file}.${process.pid}`, seen);
      fs.renameSync(`${file}.${process.pid}`, file);
    } catch {
      // A read-only folder: read again next time.
    }
  }
  return true;
}

/**
 * @param {string} root
 * @returns {{ digest: string, newestMs: number }} newestMs: when a file was changed last
 */
function lookAt(root) {
  const digest = createHash('sha256');
  let newestMs = 0;
  for (const { name, stat } of inputFiles(root)) {
    digest.update(`${name}\0${stat.size} ${stat.mtimeMs} ${stat.ctimeMs} ${stat.ino}\n`);
    newestMs = Math.max(newestMs, stat.mtimeMs, stat.ctimeMs);
  }
  return { digest: digest.digest('hex'), newestMs };
}

/**
 * A hash over names and contents of all that the build reads.
 * @param {string} root
 */
function sourceHash(root) {
  const digest = createHash('sha256');
  for (const { name, stat } of inputFiles(root))
    digest.update(`${name}\0${stat.size}\0`).update(fs.readFileSync(path.join(root, name)));
  return digest.digest('hex');
}

/**
 * All that the build reads, in order.
 * @param {string} root
 */
function inputFiles(root) {
  /** @type {{ name: string, stat: fs.Stats }[]} */
  const files = [];
  /** @param {string} name */
  const add = (name) => {
    const stat = fs.statSync(path.join(root, name), { throwIfNoEntry: false });
    if (stat?.isDirectory()) {
      for (const child of fs.readdirSync(path.join(root, name)).sort())
        if (!NOT_BUILT.test(child)) add(`${name}/${child}`);
    } else if (stat?.isFile()) files.push({ name, stat });
  };
  for (const input of BUILD_INPUTS) add(input);
  return files;
}

/**
 * What the last finished build left in dist/.stamp: the hash of its sources, and the files it made.
 * @param {string} root
 * @returns {{ hash: string, files: string[] } | undefined}
 */
function readStamp(root) {
  const text = readText(path.join(root, 'dist', '.stamp'));
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

module.exports = { ensureBuilt, readStamp, sourceHash };
