/** Is the daemon started at boot, by a service that is as this program would write it today? */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { messageOf } from '../../errors.ts';
import { serviceManager } from '../../service/manager.ts';
import { serviceText } from '../service.ts';
import type { Check } from './check.ts';
import { fail, ok, warn } from './finding.ts';
import { comparable, type InstalledService, nodeOf } from './installed-service.ts';

const service: Check = {
  id: 'service',
  homeOnly: true,
  async look({ home, service: installed, daemon }) {
    if (!installed)
      return ok(
        'service',
        'No service is installed: nothing starts the daemon at boot (nanoclaw service install would).',
      );
    const { kind, name, file, text, user } = installed;
    const again = `nanoclaw service install${name === 'nanoclaw' ? '' : ` --name ${name}`}`;
    const node = nodeOf(installed);
    if (node !== undefined && !existsSync(node))
      return fail('service', `${file} starts ${node}, which is not there any more.`, again);
    let today: string;
    try {
      today = serviceText(kind, name, home, user);
    } catch (error) {
      return fail('service', `${file}: ${messageOf(error)}`, again);
    }
    if (comparable(text) !== comparable(today))
      return warn('service', `${file} is not what this version of NanoClaw would write.`, again);
    const { state } = serviceManager(kind, name).status();
    if (state === 'failed') {
      const log = kind === 'systemd-user' ? 'systemctl --user status' : 'systemctl status';
      return fail(
        'service',
        `The service ${name} has failed.`,
        `${log} ${name} says why; then nanoclaw service restart.`,
      );
    }
    if (isEnabled(installed) === false)
      return warn('service', `The service ${name} is installed, but is not started at boot.`, again);
    if (daemon === null && !/^unknown/.test(state))
      return warn(
        'service',
        `The service ${name} is installed, but does not run (${state}).`,
        'nanoclaw service start',
      );
    return ok('service', `The service ${name} is installed as it should be; it is ${state}.`);
  },
};

/** Null where nobody can say. */
function isEnabled({ kind, name }: InstalledService): boolean | null {
  if (kind === 'launchd') return null;
  const scope = kind === 'systemd-user' ? ['--user'] : [];
  const { stdout } = spawnSync('systemctl', [...scope, 'is-enabled', `${name}.service`], {
    encoding: 'utf8',
    timeout: 5000,
  });
  const word = stdout?.trim() ?? '';
  return word === '' ? null : word.startsWith('enabled');
}

export const SERVICE_CHECKS: readonly Check[] = [service];
