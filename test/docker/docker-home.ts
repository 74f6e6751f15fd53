/** What the engine keeps of a test's home. */
import type { TestHome } from '../support/daemon.ts';
import { docker } from './agent-container.ts';

/** As the labels of everything of this home bear it. */
export const instanceOf = (home: TestHome): string =>
  home.row<{ value: string }>("SELECT value FROM meta WHERE key = 'instance_id'")?.value ?? 'none';

/** By id, running or not. */
export async function containersOf(home: TestHome): Promise<string[]> {
  const ids = await docker('ps', '-aq', '--filter', `label=nanoclaw.instance=${instanceOf(home)}`);
  return ids.split('\n').filter(Boolean);
}

/** Everything the engine keeps of this home, and the home. */
export async function removeAll(home: TestHome): Promise<void> {
  const instance = instanceOf(home);
  await home.killAll();
  const containers = await containersOf(home);
  if (containers.length > 0) await docker('rm', '-f', '-v', ...containers);
  const networks = await docker('network', 'ls', '-q', '--filter', `label=nanoclaw.instance=${instance}`);
  for (const network of networks.split('\n').filter(Boolean)) await docker('network', 'rm', network);
  await home.dispose();
}
