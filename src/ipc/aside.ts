/**
 * What of one group's mailbox cannot be taken: set aside with its reason, noted in the audit log, and in the log as often as that says
 * something; a directory that is flooded is taken away as a whole.
 */
import { type GroupPaths, renewOutDirectory } from '../mailbox/layout.ts';
import { createQuarantine } from '../mailbox/quarantine.ts';
import type { MailboxDirectory } from '../mailbox/read.ts';
import type { Trash } from '../mailbox/trash.ts';
import type { MAILBOX } from '../protocol.ts';
import { type Folder, iso } from '../types.ts';
import type { ExecuteOptions } from './execute.ts';
import { createLineLimit, QUOTA } from './quota.ts';

export type OutDirectory = (typeof MAILBOX)['messages' | 'tasks' | 'events'];

export interface Aside {
  /** False when it could not be moved or removed: then it is still there. */
  setAside(dir: string, directory: MailboxDirectory, name: string | Buffer, reason: string): boolean;
  /** Takes a flooded directory away and puts an empty one in its place. False when that did not work. */
  renew(dir: OutDirectory): boolean;
}

export function createAside(
  { db, clock, log }: Pick<ExecuteOptions, 'db' | 'clock' | 'log'>,
  folder: Folder,
  paths: GroupPaths,
  trash: Trash,
): Aside {
  const quarantine = createQuarantine(paths.quarantine, trash);
  const fileLines = createLineLimit(clock, QUOTA.logLines);
  const floodLines = createLineLimit(clock, QUOTA.logLines);
  const stamp = () => iso(clock.now()).replace(/[:.]/g, '-');

  function setAside(
    dir: string,
    directory: MailboxDirectory,
    name: string | Buffer,
    reason: string,
  ): boolean {
    const gone = quarantine.take(directory, name, stamp(), reason);
    const details = { event: 'file_set_aside', group: folder, file: name.toString().slice(0, 128), gone };
    if (!gone) {
      log.debug(details, reason); // what stays is met again at every look
      return false;
    }
    const left = fileLines();
    if (left !== null) log.warn({ ...details, ...left }, reason);
    note('mailbox_file', `${dir}: ${reason}`);
    return true;
  }

  function renew(dir: OutDirectory): boolean {
    const reason = `${dir} held more than ${QUOTA.entries} files at once; all of them were set aside`;
    try {
      renewOutDirectory(paths, dir, trash);
    } catch (error) {
      log.debug({ event: 'flood_stays', group: folder, directory: dir, err: error });
      return false;
    }
    quarantine.note(dir, stamp(), reason);
    const left = floodLines();
    if (left !== null) log.warn({ event: 'flood_set_aside', group: folder, directory: dir, ...left }, reason);
    note('mailbox_flood', reason);
    return true;
  }

  function note(action: string, detail: string): void {
    const actor = `agent:${folder}`;
    db.audit.note({ at: iso(clock.now()), actor, group: folder, action, outcome: 'refused', detail });
  }

  return { setAside, renew };
}
