// @ts-check
/**
 * Runs a tool of node_modules/.bin, or `node`, after the start-up steps and under the right Node:
 *   node scripts/run.cjs vitest run
 * Without a tool it only does the start-up steps, the build included.
 */
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { become, bootstrap } = require('./bootstrap.cjs');

/** Tools that look at the sources alone: they must also work while those do not build. */
const WITHOUT_BUILD = new Set(['biome', 'knip', 'tsc']);
/** Tools that look into the agent runner, whose packages are its own. */
const WITH_AGENT = new Set(['tsc', 'vitest']);

async function main() {
  const [tool = '', ...args] = process.argv.slice(2);
  const { root, node, env } = await bootstrap({
    build: !WITHOUT_BUILD.has(tool),
    agent: WITH_AGENT.has(tool),
  });
  if (tool === '') return;
  if (tool === 'node') return become(node, args, env);
  const command = path.join(root, 'node_modules', '.bin', tool);
  if (!fs.existsSync(command)) {
    console.error(`run: ${tool} is not a tool of this project (node_modules/.bin has no such file)`);
    process.exit(2);
  }
  return become(node, [fs.realpathSync(command), ...args], env);
}

void main();
