/**
 * What a backup is: a gzipped tar of the parts of a home that cannot be made anew, and as its last entry a manifest
 * that names each file with its size and hash, so that an archive that was cut off or changed is known as such.
 *   data/nanoclaw.db          a consistent snapshot, whatever the daemon does meanwhile
 *   data/outbox/, data/sessions/, groups/, data/simulator.json, .env (secrets only when asked for)
 * Not in it: mailboxes (a turn that was running begins again), logs, registered_groups.json (written at start).
 */
import { z } from 'zod';

export const MANIFEST = 'manifest.json';
export const DATABASE = 'data/nanoclaw.db';
export const DOTENV = '.env';
/** The built-in simulator's chats, which number their messages on. */
export const SIMULATOR = 'data/simulator.json';
/** Folders below the home, in the order of packing. Files to be sent come first: they vanish once they are. */
export const FOLDERS = ['data/outbox', 'groups', 'data/sessions'] as const;
/** The format of archive and manifest. */
export const BACKUP_FORMAT = 1;

export const manifestSchema = z.object({
  format: z.literal(BACKUP_FORMAT),
  /** Version of the program that made it. */
  version: z.string(),
  created_at: z.iso.datetime(),
  instance_id: z.string(),
  schema: z.number().int().min(1),
  /** The settings' secrets are in it. */
  secrets: z.boolean(),
  /** Rows of each table in the snapshot. */
  tables: z.record(z.string(), z.number().int().min(0)),
  /** What could not be read or is no file, folder or link, with the reason. */
  skipped: z.array(z.string()),
  /** Size in bytes and SHA-256 (hexadecimal) of each regular file, by its path. */
  files: z.record(z.string(), z.object({ size: z.number().int().min(0), sha256: z.string().length(64) })),
});
export type Manifest = z.infer<typeof manifestSchema>;

/** nanoclaw-20261121T063000123Z.tar.gz: sorts by time. */
export const backupName = (at: Date): string => `nanoclaw-${at.toISOString().replace(/[-:.]/g, '')}.tar.gz`;
export const BACKUP_NAME = /^nanoclaw-\d{8}T\d{9}Z\.tar\.gz$/;

/** When the one with this name was begun, in milliseconds. */
export function backupTime(name: string): number {
  const [, y, mo, d, h, mi, s, ms] = /(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z/.exec(name) ?? [];
  return Date.parse(`${y}-${mo}-${d}T${h}:${mi}:${s}.${ms}Z`);
}

/** True for the paths that a backup may hold; everything else in an archive is refused. */
export function isBackupPath(name: string): boolean {
  if (name.includes('\0') || name.split('/').some((part) => part === '' || part === '.' || part === '..'))
    return false;
  return (
    name === DATABASE ||
    name === DOTENV ||
    name === SIMULATOR ||
    name === MANIFEST ||
    FOLDERS.some((folder) => name === folder || name.startsWith(`${folder}/`))
  );
}
