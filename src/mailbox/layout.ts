/**
 * Where a group's things lie under NANOCLAW_HOME, and the making of those folders. `in/` and everything above is
 * the host's; `out/` belongs to the agent, so nothing below it is trusted, not even that it is a directory.
 */
import { lchownSync, lstatSync, mkdirSync, renameSync } from 'node:fs';
import path from 'node:path';
import { MAILBOX } from '../protocol.ts';
import type { Folder } from '../types.ts';
import type { Trash } from './trash.ts';

export interface GroupPaths {
  groupDir: string;
  globalDir: string;
  mailbox: string;
  /** Host-only, same file system as the mailbox: files are written here and renamed in. */
  staging: string;
  /** Host-only: what was set aside, with the reason. */
  quarantine: string;
  /** Host-only: what is being removed. */
  trash: string;
  /** The agent's home with its sessions. */
  homeDir: string;
  logDir: string;
}

/** Copies of files that are to be sent, below the home: `outbox.file_path` begins with it, so that a home can be moved. */
export const OUTBOX_COPIES = path.join('data', 'outbox');

/** Files that are being fetched from Telegram, below the home: host-only. */
export const ATTACHMENT_COPIES = path.join('data', 'attachments');

export function groupPaths(home: string, folder: Folder | string): GroupPaths {
  const ipc = path.join(home, 'data', 'ipc', folder);
  return {
    groupDir: path.join(home, 'groups', folder),
    globalDir: path.join(home, 'groups', 'global'),
    mailbox: ipc,
    staging: path.join(ipc, 'staging'),
    quarantine: path.join(ipc, 'quarantine'),
    trash: path.join(ipc, 'trash'),
    homeDir: path.join(home, 'data', 'sessions', folder),
    logDir: path.join(home, 'data', 'logs', folder),
  };
}

/** Makes what is missing. Throws what the file system throws. */
export function ensureGroupFolders(home: string, folder: Folder): GroupPaths {
  const paths = groupPaths(home, folder);
  for (const dir of [
    paths.groupDir,
    paths.globalDir,
    paths.homeDir,
    paths.logDir,
    paths.staging,
    paths.quarantine,
  ]) {
    mkdirSync(dir, { recursive: true });
  }
  for (const dir of Object.values(MAILBOX)) mkdirSync(path.join(paths.mailbox, dir), { recursive: true });
  return paths;
}

/**
 * Takes out/<something> away as it is, whatever is in it, and puts an empty one of the same owner in its place.
 * Throws what the file system throws.
 */
export function renewOutDirectory(paths: GroupPaths, dir: string, trash: Trash): void {
  const directory = path.join(paths.mailbox, dir);
  trash.take((target) => renameSync(directory, target));
  mkdirSync(directory, { recursive: true });
  const { uid, gid } = lstatSync(path.dirname(directory)); // out/ itself, which no container can replace
  if (process.getuid?.() === 0) lchownSync(directory, uid, gid);
}
