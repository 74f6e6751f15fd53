/**
 * The extra mounts of a group as they are allowed now. What is refused is left out, and never in silence: the log, the
 * audit log and the main chat are told why, once until it changes; the agent is told that it is missing, without
 * paths of the host. A refusal does not keep the group from its agent: a folder that was moved must not silence a chat.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Db } from '../db.ts';
import type { Clock } from '../lib/clock.ts';
import type { FileEvents } from '../lib/file-events.ts';
import type { Logger } from '../log.ts';
import { type Group, iso } from '../types.ts';
import { type AllowlistPlace, readAllowlist } from './allowlist.ts';
import { checkMount, type GrantedMount } from './check-mount.ts';

export interface ExtraMountsOptions {
  db: Db;
  clock: Clock;
  log: Logger;
  place: AllowlistPlace;
  /** Never mounted, nor anything inside or around them. */
  guarded: readonly string[];
  fileEvents: FileEvents;
  /** Tells main once, and once that it is over. The subject is <folder>/<name of the mount>. */
  problems: {
    report(kind: 'mount', detail: string, subject: string): void;
    solved(kind: 'mount', subject: string): void;
    open(): { kind: string; subject: string }[];
  };
}

export interface Given {
  mounts: readonly GrantedMount[];
  /** For the agent: what it might look for and not find. */
  notes: readonly string[];
  /** For the operator: what was refused and why. */
  reasons: readonly { name: string; reason: string }[];
  /** The same for the same mounts, of the same folders; empty for none. */
  key: string;
}

export interface ExtraMounts {
  /** Never throws. `isolated` is false where agents are plain processes, which have no mounts. */
  forGroup(group: Group, isolated: boolean): Promise<Given>;
  /** An agent is started so: what was refused is told, once until it changes. */
  tell(group: Group, given: Given): void;
  /** A mount was granted and then was another thing when it was mounted. */
  changed(group: Group, reason: string): void;
  /** Calls back after the allowlist may have changed. */
  watch(onChange: () => void): { close(): void };
}

const NONE: Given = { mounts: [], notes: [], reasons: [], key: '' };

export function createExtraMounts(options: ExtraMountsOptions): ExtraMounts {
  const { db, clock, log, place } = options;
  /** What was told of a group last. */
  const told = new Map<string, string>();
  let changes: (() => void) | undefined;
  let watcher: { close(): void } | undefined;

  /** Also once the folder is there that was not when the daemon started. */
  function watchAgain(): void {
    const folder = path.dirname(place.file);
    if (watcher || !changes || !existsSync(folder)) return;
    watcher = options.fileEvents.watch(folder, () => changes?.());
  }

  async function forGroup(group: Group, isolated: boolean): Promise<Given> {
    const wanted = db.mounts.of(group.chatJid);
    if (wanted.length === 0) return NONE;
    watchAgain();
    const allowlist = await readAllowlist(place);
    const mounts: GrantedMount[] = [];
    const notes: string[] = [];
    const reasons: { name: string; reason: string }[] = [];
    for (const request of wanted) {
      const verdict = isolated
        ? await checkMount(request, { allowlist, isMain: group.isMain, guarded: options.guarded })
        : ({ ok: false, reason: 'agents run as plain processes here, which have no mounts' } as const);
      const where = `/workspace/extra/${request.name}`;
      if (!verdict.ok) {
        reasons.push({ name: request.name, reason: `it is not mounted, since ${verdict.reason}` });
        notes.push(`${where} is not there: the operator of this machine has to allow it first.`);
        continue;
      }
      mounts.push(verdict.mount);
      if (!verdict.mount.madeReadOnly) continue;
      const reason = 'it is mounted read-only, since the allowlist does not let this group write it';
      reasons.push({ name: request.name, reason });
      notes.push(`${where} is read-only: the operator of this machine has to allow writing first.`);
    }
    return { mounts, notes, reasons, key: keyOf(mounts) };
  }

  function tell(group: Group, { reasons }: Given): void {
    const { problems } = options;
    const refused = new Map(reasons.map(({ name, reason }) => [`${group.folder}/${name}`, reason]));
    for (const { kind, subject } of problems.open()) {
      if (kind !== 'mount' || refused.has(subject)) continue;
      const [folder = ''] = subject.split('/');
      if (folder === group.folder || db.groups.byFolder(folder) === null) problems.solved('mount', subject);
    }
    for (const [subject, reason] of refused) problems.report('mount', reason, subject);
    const key = JSON.stringify(reasons);
    if (told.get(group.folder) === key) return;
    told.set(group.folder, key);
    for (const { name, reason } of reasons) note(group, `"${name}": ${reason}`);
  }

  function note(group: Group, reason: string): void {
    log.warn({ event: 'mount_refused', group: group.folder }, reason);
    const { folder } = group;
    const at = iso(clock.now());
    db.audit.note({
      at,
      actor: 'daemon',
      group: folder,
      action: 'mount',
      outcome: 'refused',
      detail: reason,
    });
  }

  return {
    forGroup,
    tell,
    changed: note,
    watch(onChange) {
      changes = onChange;
      watchAgain();
      return {
        close() {
          watcher?.close();
          changes = undefined;
        },
      };
    },
  };
}

function keyOf(mounts: readonly GrantedMount[]): string {
  if (mounts.length === 0) return '';
  const all = mounts.map(({ name, hostPath, writable, identity }) => [name, hostPath, writable, identity]);
  return createHash('sha256').update(JSON.stringify(all)).digest('hex').slice(0, 32);
}
