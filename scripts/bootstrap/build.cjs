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

/**
 * Makes dist/ the build of the sources as they are.
 * @param {Setup} setup
 * @param {string} node
 */
async function ensureBuilt(setup, node) {
  const built = () => readStamp(setup.root)?.hash === sourceHash(setup.root);
  await makeOnce(setup, built, async (lock) => {
    setup.say('Building …');
    const script = path.join(setup.root, 'scripts', 'build.mjs');
    const result = await run(setup.root, lock, node, [script], childEnv(setup.env, node));
    if (result.code !== 0) {
      setup.say(result.output.trimEnd());
      throw new SetupError(
        'Building failed for the reason above. Undo your last change to the sources; in an untouched clone, report it.',
      );
    }
  });
}

/**
 * A hash over names and contents of all that the build reads.
 * @param {string} root
 */
function sourceHash(root) {
  const digest = createHash('sha256');
  /** @param {string} name */
  const add = (name) => {
    const file = path.join(root, name);
    const stat = fs.statSync(file, { throwIfNoEntry: false });
    if (stat?.isDirectory()) {
      for (const child of fs.readdirSync(file).sort()) if (!NOT_BUILT.test(child)) add(`${name}/${child}`);
    } else if (stat?.isFile()) {
      digest.update(`${name}\0${stat.size}\0`).update(fs.readFileSync(file));
    }
  };
  for (const input of BUILD_INPUTS) add(input);
  return digest.digest('hex');
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
