/**
 * What the agent image is built from: read, hashed and packed from the same bytes, so that hash and image agree.
 * Paths are relative to the project root, which is the build context. Links are not followed: they are left out.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';

export const DOCKERFILE = 'container/Dockerfile';
const RUNNER = 'container/agent-runner';
const BROWSER = 'container/browser';
const FILES = [
  DOCKERFILE,
  `${BROWSER}/package.json`,
  `${BROWSER}/package-lock.json`,
  `${BROWSER}/.npmrc`,
  `${RUNNER}/package.json`,
  `${RUNNER}/package-lock.json`,
  `${RUNNER}/.npmrc`,
  `${RUNNER}/tsconfig.json`,
  'src/protocol.ts',
  'src/team.ts',
  'src/skills.ts',
  ...[
    'bounded-map',
    'fold',
    'front-matter',
    'image-size',
    'local-time',
    'name-slug',
    'open-below',
    'read-below',
    'zone',
  ].map((name) => `src/lib/${name}.ts`),
];

/** What may be wanted besides, and makes it another image. */
export interface ImageVariant {
  /** With Chromium and its tools. */
  browser: boolean;
}

export interface BuildContext {
  /** SHA-256 over paths, contents and the variant, hexadecimal; the image's label nanoclaw.source. */
  hash: string;
  buildArgs: Readonly<Record<string, string>>;
  files: readonly { path: string; content: Buffer }[];
}

/** Null when there is no Dockerfile: an installation without the image's sources. */
export async function readBuildContext(
  projectRoot: string,
  { browser }: ImageVariant = { browser: false },
): Promise<BuildContext | null> {
  const folders = await Promise.all(
    [`${RUNNER}/src`, 'src/protocol', 'src/team', 'container/skills'].map((folder) =>
      sources(projectRoot, folder),
    ),
  );
  const paths = [...FILES, ...folders.flat()].sort();
  const files: { path: string; content: Buffer }[] = [];
  const hash = createHash('sha256');
  for (const path of paths) {
    const content = await readFile(join(projectRoot, path)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    if (!content) continue;
    hash.update(`${path}\0${content.length}\0`).update(content);
    files.push({ path, content });
  }
  if (browser) hash.update('with a browser');
  const buildArgs = { BROWSER: browser ? 'yes' : 'no' };
  const isThere = files.some((file) => file.path === DOCKERFILE);
  return isThere ? { hash: hash.digest('hex'), buildArgs, files } : null;
}

/** The context as a tar stream, the same bytes every time. */
export function packBuildContext(context: BuildContext): Readable {
  const tar = pack();
  for (const { path, content } of context.files)
    tar.entry({ name: path, mode: 0o644, mtime: new Date(0) }, content);
  tar.finalize();
  return Readable.from(tar);
}

async function sources(root: string, folder: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.replace(/\/+$/, '').length + 1))
    .filter((path) => !path.includes('/node_modules/'));
}
