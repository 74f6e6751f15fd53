/** Backups by the daemon, as it is configured to make them; none when it is not. */
import { backupInChild } from '../backup/in-child.ts';
import { type BackupScheduleOptions, createBackupSchedule } from '../backup-schedule.ts';
import type { Config } from '../config.ts';

export interface OpenBackups extends Pick<BackupScheduleOptions, 'db' | 'clock' | 'log' | 'problems'> {
  config: Config;
}

export function openBackups({ config, ...parts }: OpenBackups) {
  const { home, timezone, backup } = config;
  const { everyMs } = backup;
  if (everyMs === null) return null;
  return createBackupSchedule({
    ...parts,
    home,
    plan: { ...backup, everyMs, timezone },
    make: backupInChild,
  });
}
