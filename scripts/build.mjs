// @ts-check
/**
 * Bundles the program into dist/. Called by scripts/bootstrap.cjs when the sources changed; `npm run build` does the same.
 *
 * A daemon may be running from dist/ meanwhile and load a chunk late. So files are renamed in one by one, chunks (named by
 * their content) before the entries that import them; the chunks of the build before stay, older ones go; the stamp is last.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { rolldown } from 'rolldown';

/** Each is one file in dist/ that node can run. */
const ENTRIES = {
  index: 'src/index.ts',
  cli: 'src/cli.ts',
  'agent-runner': 'container/agent-runner/src/main.ts',
  bench: 'bench/main.ts',
  soak: 'bench/soak.ts',
  simulate: 'simulation/main.ts',
};
/** Where these are missing, the rest is built without. */
const OPTIONAL = new Set(['bench', 'soak', 'simulate']);
const COPIES = { 'simulator-page': 'src/simulator/page', 'status-page': 'src/http/page' };
/**
 * Stay in node_modules: better-sqlite3 is native; grammy's HTTP client uses deprecated parts of Node, which Node lets pass
 * without a warning only there; what thinks with a model exists in the agent's image alone.
 */
const EXTERNAL = [
  'better-sqlite3',
  'grammy',
  '@anthropic-ai/claude-agent-sdk',
  /^@ai-sdk\//,
  /^@modelcontextprotocol\//,
];

const root = path.resolve(import.meta.dirname, '..');
const { readStamp, sourceHash } = createRequire(import.meta.url)('./bootstrap.cjs');

const hash = sourceHash(root);
const before = readStamp(root);

mkdirSync(path.join(root, '.node'), { recursive: true });
const fresh = mkdtempSync(path.join(root, '.node', 'build-'));
try {
  await bundle(fresh);
  for (const [name, source] of Object.entries(COPIES)) {
    if (existsSync(path.join(root, source))) {
      cpSync(path.join(root, source), path.join(fresh, name), { recursive: true });
    }
  }
  install(fresh, path.join(root, 'dist'));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  rmSync(fresh, { recursive: true, force: true });
}

/** @param {string} dir */
async function bundle(dir) {
  /** @type {Record<string, string>} */
  const input = {};
  for (const [name, source] of Object.entries(ENTRIES)) {
    if (!OPTIONAL.has(name) || existsSync(path.join(root, source))) input[name] = source;
  }
  const build = await rolldown({
    cwd: root,
    input,
    platform: 'node',
    external: EXTERNAL,
    onLog(level, log, handle) {
      // What cannot be resolved would only fail when it runs.
      handle(log.code === 'UNRESOLVED_IMPORT' ? 'error' : level, log);
    },
  });
  try {
    await build.write({
      dir,
      format: 'esm',
      sourcemap: true,
      // A process keeps the text of what it runs: with one character beyond Latin-1 in it, at two bytes for each of them.
      charset: 'ascii',
      comments: { jsdoc: false, annotation: false, legal: true },
      entryFileNames: '[name].js',
      chunkFileNames: 'chunks/[name]-[hash].js',
    });
  } finally {
    await build.close();
  }
}

/**
 * @param {string} from
 * @param {string} dist
 */
function install(from, dist) {
  const files = listFiles(from).sort((a, b) => Number(isEntry(a)) - Number(isEntry(b)));
  const stamp = path.join(dist, '.stamp');
  mkdirSync(dist, { recursive: true });
  rmSync(stamp, { force: true });
  for (const file of files) {
    mkdirSync(path.dirname(path.join(dist, file)), { recursive: true });
    renameSync(path.join(from, file), path.join(dist, file));
  }
  rmSync(path.join(root, '.node', 'compile-cache'), { recursive: true, force: true }); // of other files
  const kept = new Set([...files, ...(before?.files ?? [])]);
  for (const file of listFiles(dist)) if (!kept.has(file)) rmSync(path.join(dist, file));

  writeFileSync(path.join(from, '.stamp'), JSON.stringify({ hash, files }));
  renameSync(path.join(from, '.stamp'), stamp);
}

/** @param {string} file */
function isEntry(file) {
  return !file.includes('/');
}

/**
 * Names relative to `dir`, with forward slashes.
 * @param {string} dir
 * @returns {string[]}
 */
function listFiles(dir) {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(dir, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'));
}
