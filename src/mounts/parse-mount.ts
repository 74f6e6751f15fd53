/** What the operator writes on the command line, HOST[:NAME][:rw], as a mount. Pure. */
import path from 'node:path';
import { NanoClawError } from '../errors.ts';
import type { MountRequest } from './check-mount.ts';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
export const MOST_MOUNTS = 32;

/** Throws MOUNT_REFUSED. A relative path counts from `cwd`; ~ is `homeDir`. Without a name the last part of the path serves. */
export function parseMount(text: string, cwd: string, homeDir: string): MountRequest {
  const expected = 'expected HOST_PATH[:NAME][:rw], like /srv/notes:notes or ~/drop:drop:rw';
  const [, beforeMode = '', mode = 'ro'] = /^([\s\S]*?)(?::(ro|rw))?$/.exec(text) ?? [];
  const [, host = '', given] = /^([\s\S]*?)(?::([^/:]*))?$/.exec(beforeMode) ?? [];
  if (host === '' || text.includes('\0')) throw refused(`--mount: ${expected}, got "${text}"`);
  const hostPath = path.resolve(
    cwd,
    host.replace(/^~(?=\/|$)/, () => homeDir),
  );
  const name = given ?? path.basename(hostPath);
  if (!NAME.test(name))
    throw refused(
      `--mount: expected a name of 1 to 63 letters, digits, dots, - and _ that begins with a letter or digit, got "${name}"; ${expected}`,
    );
  return { name, hostPath, writable: mode === 'rw' };
}

/** Adds to what there is; a mount of the same name is replaced. Throws MOUNT_REFUSED for two of one name, or too many. */
export function addMounts(before: readonly MountRequest[], added: readonly MountRequest[]): MountRequest[] {
  const names = new Set(added.map(({ name }) => name.toLowerCase()));
  if (names.size < added.length) throw refused('--mount: expected a different name for each mount');
  const all = [...before.filter(({ name }) => !names.has(name.toLowerCase())), ...added];
  if (all.length > MOST_MOUNTS) throw refused(`--mount: expected at most ${MOST_MOUNTS} mounts for a group`);
  return all;
}

const refused = (message: string) => new NanoClawError('MOUNT_REFUSED', message);
