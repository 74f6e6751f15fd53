// @ts-check
/** What all start-up steps share. */
'use strict';

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

/** A step that could not be done. The message is one sentence with the fix, printed as it is. */
class SetupError extends Error {}

/** A signal ended the set-up. */
class Interrupted extends Error {
  /** @param {NodeJS.Signals} signal */
  constructor(signal) {
    super(signal);
    this.signal = signal;
  }
}

/**
 * @typedef {object} Setup
 * @property {string} root the project's folder
 * @property {NodeJS.ProcessEnv} env environment of what is started
 * @property {string} execPath the running Node
 * @property {string} version its version, such as 20.20.2
 * @property {(line: string) => void} say prints a progress line
 */

/**
 * @param {Partial<Setup>} [overrides]
 * @returns {Setup}
 */
function createSetup(overrides = {}) {
  return {
    root: path.resolve(__dirname, '..', '..'),
    env: process.env,
    execPath: process.execPath,
    version: process.versions.node,
    say: (line) => process.stderr.write(`${line}\n`),
    ...overrides,
  };
}

/**
 * The lowest Node that will do, from "engines" in package.json.
 * @param {string} root
 */
function nodeFloor(root) {
  const engines = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')).engines;
  return String(engines.node).replace(/^[^\d]*/, '');
}

/** Whether this Linux has musl instead of glibc, as Alpine does: the running Node was built for what is there. */
function isMusl() {
  if (process.platform !== 'linux') return false;
  const report = /** @type {any} */ (process.report);
  report.excludeNetwork = true;
  return report.getReport().header.glibcVersionRuntime === undefined;
}

/** @param {string} text */
const hash = (text) => createHash('sha256').update(text).digest('hex');

/** @param {string} text */
const lastLine = (text) => text.trim().split('\n').at(-1) ?? '';

/** @param {unknown} error */
const codeOf = (error) => String(/** @type {NodeJS.ErrnoException} */ (error).code ?? error);

/** @param {string} file */
function readText(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

module.exports = {
  Interrupted,
  SetupError,
  codeOf,
  createSetup,
  hash,
  isMusl,
  lastLine,
  nodeFloor,
  readText,
};
