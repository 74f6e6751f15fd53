/**
 * Between the judgement of a path and its mounting, somebody who can write next to it could put a link to elsewhere
 * there: the engine resolves the path again. So what was mounted is compared with what was judged, by device
 * and inode, before the container is given its first turn; until then nothing but the image's own code runs in it.
 */

import type { Engine } from '../docker/engine.ts';
import type { EngineAddress } from '../docker/engine-address.ts';
import type { EngineInfo } from '../docker/engine-types.ts';
import { NanoClawError } from '../errors.ts';
import type { AgentLaunch } from './agent-runtime.ts';

/** False where the container's files pass through a virtual machine: there inodes say nothing, and the window stays. */
export function sameKernel({ address }: { address: EngineAddress }, info: EngineInfo): boolean {
  return (
    process.platform === 'linux' && address.kind === 'unix' && !/docker desktop/i.test(info.OperatingSystem)
  );
}

/** Throws MOUNT_REFUSED when a mount is not what was judged. */
export async function checkExtraMounts(
  engine: Engine,
  id: string,
  mounts: AgentLaunch['extraMounts'],
): Promise<void> {
  if (mounts.length === 0) return;
  const paths = mounts.map(({ name }) => `/workspace/extra/${name}`);
  const { code, stdout, stderr } = await engine.exec(id, ['stat', '--format', '%d:%i', '--', ...paths]);
  const found = stdout.trim().split('\n');
  const wrong = mounts.find(({ identity }, index) => found[index] !== identity);
  if (code === 0 && !wrong) return;
  const what = wrong ? `"${wrong.name}" (${wrong.hostPath})` : 'an extra mount';
  const why = code === 0 ? 'was replaced while it was being mounted' : `cannot be checked: ${stderr.trim()}`;
  throw new NanoClawError('MOUNT_REFUSED', `${what} ${why}`);
}
