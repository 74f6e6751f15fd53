/**
 * What main sees of the project at /workspace/project: a read-only view without secrets.
 *
 * The project folder itself is never mounted: a mask over `.env` would vanish with the first rename over it on the
 * host, and a secret created later would show. So each allowed top-level entry is bound by itself into an empty
 * read-only tmpfs; what is not bound cannot appear, whatever happens on the host. `data/` is bound as a
 * folder (SQLite's -wal and -shm must be seen as they come and go) with its secret parts covered.
 * Therefore: nothing secret is ever kept in data/ outside of HIDDEN_DATA.
 */
import { type Dirent, mkdirSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { EngineMount } from '../docker/engine-types.ts';

export const PROJECT_TARGET = '/workspace/project';
/**
 * Folders of data/ that are covered: copies of the database with settings, exports with conversations, the agents' homes,
 * their doors to the proxies.
 */
export const HIDDEN_DATA = ['backups', 'exports', 'sessions', 'run'] as const;

/** Entries whose name begins with a dot are left out, except these. `.git` may hold a token in its remote's URL. */
const SHOWN_DOT_FILES = new Set([
  '.env.example',
  '.gitignore',
  '.dockerignore',
  '.editorconfig',
  '.github',
  '.ci',
]);
const SECRET_NAME =
  /(^|[._-])(secrets?|credentials?|passwords?|passwd|tokens?|private)([._-]|$)|^id_(rsa|dsa|ecdsa|ed25519)|\.(pem|key|p12|pfx|jks|keystore|kdbx|ovpn|gpg|asc|age|env|netrc)(\.|$)|^((mount|sender)-allowlist\.json|netrc|_netrc|node_modules)$/i;
/** Folders that an operator may have moved elsewhere behind a link; any other link is left out. */
const MAY_BE_LINKED = new Set(['data', 'groups']);

export interface ProjectView {
  mounts: EngineMount[];
  tmpfs: Record<string, string>;
}

/** Is a top-level entry of this name shown? Pure. */
export function isShown(name: string): boolean {
  return name.startsWith('.') ? SHOWN_DOT_FILES.has(name) : !SECRET_NAME.test(name);
}

/** The view as of now. Makes the covered folders of data/ where they are missing, as they serve as mount points. */
export function projectView(projectDir: string): ProjectView {
  const mounts: EngineMount[] = [];
  const tmpfs: Record<string, string> = { [PROJECT_TARGET]: 'ro,nosuid,nodev,noexec,size=64k,mode=0755' };
  for (const entry of readdirSync(projectDir, { withFileTypes: true })) {
    const source = shownSource(projectDir, entry);
    if (source === null) continue;
    mounts.push(readOnly(source, `${PROJECT_TARGET}/${entry.name}`));
    if (entry.name !== 'data') continue;
    for (const hidden of HIDDEN_DATA) {
      mkdirSync(join(source, hidden), { recursive: true, mode: 0o700 });
      tmpfs[`${PROJECT_TARGET}/data/${hidden}`] = 'ro,nosuid,nodev,noexec,size=4k,mode=0555';
    }
  }
  return { mounts, tmpfs };
}

function shownSource(projectDir: string, entry: Dirent): string | null {
  if (!isShown(entry.name)) return null;
  const path = join(projectDir, entry.name);
  if (entry.isFile() || entry.isDirectory()) return path;
  if (!entry.isSymbolicLink() || !MAY_BE_LINKED.has(entry.name)) return null;
  try {
    const target = realpathSync(path);
    return statSync(target).isDirectory() ? target : null;
  } catch {
    return null;
  }
}

function readOnly(source: string, target: string): EngineMount {
  return {
    Type: 'bind',
    Source: source,
    Target: target,
    ReadOnly: true,
    BindOptions: { Propagation: 'rprivate' },
  };
}
