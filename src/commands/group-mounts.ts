/** The --mount and --no-mounts of `nanoclaw groups set`: judged at once by the allowlist, and again at each use. */
import type { Config } from '../config.ts';
import type { Db } from '../db.ts';
import { NanoClawError } from '../errors.ts';
import { readAllowlist } from '../mounts/allowlist.ts';
import { checkMount } from '../mounts/check-mount.ts';
import { addMounts, parseMount } from '../mounts/parse-mount.ts';
import { mountPlaces } from '../mounts/places.ts';
import { type Group, iso } from '../types.ts';

export interface MountOptions {
  mount?: string[];
  /** False for --no-mounts. */
  mounts?: boolean;
}

export const MOUNT_HELP =
  'HOST[:NAME][:rw], repeatable: a folder of this machine, seen as /workspace/extra/NAME; needs the mount allowlist';

/** How to store what is asked for, or null when nothing is. Throws MOUNT_REFUSED with the reason and the fix. */
export async function judgeMounts(
  db: Db,
  config: Config,
  group: Group,
  options: MountOptions,
  actor: string,
): Promise<(() => void) | null> {
  if (options.mount === undefined && options.mounts !== false) return null;
  const { place, guarded } = mountPlaces(config);
  const added = (options.mount ?? []).map((text) => parseMount(text, process.cwd(), place.homeDir));
  const mounts = addMounts(options.mounts === false ? [] : db.mounts.of(group.chatJid), added);
  const note = (outcome: 'done' | 'refused', detail: string) =>
    db.audit.note({
      at: iso(Date.now()),
      actor,
      group: group.folder,
      action: 'set_mounts',
      outcome,
      detail,
    });
  const allowlist = added.length > 0 ? await readAllowlist(place) : null;
  for (const request of allowlist ? added : []) {
    const verdict = await checkMount(request, {
      allowlist: allowlist as NonNullable<typeof allowlist>,
      isMain: group.isMain,
      guarded,
    });
    const reason = !verdict.ok
      ? verdict.reason
      : verdict.mount.madeReadOnly
        ? `${request.hostPath} may be given to this group read-only; leave out :rw, or set allowReadWrite for its root`
        : null;
    if (reason === null) continue;
    note('refused', `${request.name}: ${reason}`);
    throw new NanoClawError('MOUNT_REFUSED', `The mount "${request.name}" is refused: ${reason}.`, {
      fix: `${place.file} decides; docs/security.md shows an example.`,
    });
  }
  const described = mounts.map((m) => `${m.name}: ${m.hostPath} ${m.writable ? 'read-write' : 'read-only'}`);
  return () => {
    db.mounts.set(group.chatJid, mounts);
    note('done', described.join('; ') || 'none');
  };
}
