// @ts-check
/**
 * What has to be there before NanoClaw can run: a Node that is new enough, the packages of the lock file, a fresh build.
 * Each is checked at every start (a few milliseconds) and made only when missing or stale.
 *
 * Invariants:
 * - Runs on any Node ≥ 18 and needs no package. Writes only below the project's own folder: .node/, node_modules/, dist/.
 * - Freshness is decided by content hashes: a copied, unpacked or read-only folder stays fresh. Files that were not touched
 *   since they were last read are not read again.
 * - One start at a time makes something (`.node/lock`); the others wait and look again.
 * - Quiet when nothing is to be done. Progress and errors go to stderr; stdout belongs to the command.
 */
'use strict';

const { ensureBuilt, readStamp, sourceHash } = require('./bootstrap/build.cjs');
const { Interrupted, SetupError, createSetup, lastLine } = require('./bootstrap/common.cjs');
const { NODE_PACKAGES, ensureNode, isAtLeast } = require('./bootstrap/node.cjs');
const { ensureAgentInstalled, ensureInstalled } = require('./bootstrap/packages.cjs');
const { LIFELINE, become, childEnv, holdLifeline } = require('./bootstrap/processes.cjs');

/**
 * Sets up what is missing and goes on under the right Node: where that is another one, this script starts again in it
 * and the promise never resolves. Ends the process with one clear line when a step fails.
 * @param {{ build: boolean, agent?: boolean }} options `agent`: also what the agent runner's tests and types need
 * @returns {Promise<{ root: string, node: string, env: NodeJS.ProcessEnv }>}
 */
async function bootstrap({ build, agent = false }) {
  holdLifeline();
  const setup = createSetup();
  try {
    const node = await ensureNode(setup);
    const env = childEnv(setup.env, node);
    if (node !== setup.execPath) {
      return await become(node, process.argv.slice(1), { ...env, [LIFELINE]: String(process.pid) }, 'pipe');
    }
    await ensureInstalled(setup, node);
    if (agent) await ensureAgentInstalled(setup, node);
    if (build) await ensureBuilt(setup, node);
    return { root: setup.root, node, env };
  } catch (error) {
    if (error instanceof Interrupted) {
      process.kill(process.pid, error.signal);
      return await new Promise(() => {});
    }
    const sentence =
      error instanceof SetupError ? error.message : `The set-up failed: ${lastLine(String(error))}.`;
    setup.say(`nanoclaw: ${sentence}`);
    process.exit(1);
  }
}

module.exports = {
  NODE_PACKAGES,
  SetupError,
  become,
  bootstrap,
  createSetup,
  ensureBuilt,
  ensureInstalled,
  ensureNode,
  isAtLeast,
  readStamp,
  sourceHash,
};
