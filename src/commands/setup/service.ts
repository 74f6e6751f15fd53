/** The service that runs this home: found whatever its name is, installed if wanted, given the new settings. */
import { existsSync } from 'node:fs';
import { findDaemon } from '../../lib/home-lock.ts';
import {
  defaultManager,
  type ManagerKind,
  serviceFile,
  serviceManager,
  whyNoManager,
} from '../../service/manager.ts';
import { findService, type InstalledService } from '../doctor/installed-service.ts';
import { installService, planService } from '../service.ts';
import { type Setup, warn } from './context.ts';
import { stopOther } from './daemon.ts';

const NAME = 'nanoclaw';

/** True when the service runs at the end. Throws SERVICE_UNAVAILABLE where one is asked for that cannot be had. */
export async function makeService(setup: Setup): Promise<boolean> {
  const { flags, talk, home } = setup;
  if (flags.service === false) return false;
  const installed = findService(home);
  if (installed) return useInstalled(setup, installed);
  const kind = defaultManager(process.getuid?.());
  const missing = whyNoManager(kind);
  if (missing) {
    if (flags.service) throw missing;
    return false;
  }
  const wanted =
    flags.service ??
    (talk.interactive &&
      (await talk.confirm('Shall Nina run as a service, from every boot on? (recommended)', true)));
  if (!wanted) return false;
  const planned = planService({ name: freeName(kind) });
  const other = findDaemon(home);
  if (other) await stopOther(setup, other);
  const { state, note } = installService(planned);
  talk.good(`Installed ${planned.file}; the service is ${state.state}.${note}`);
  return true;
}

/** Another home's service is let alone. */
function freeName(kind: ManagerKind): string {
  for (let n = 1; ; n += 1) {
    const name = n === 1 ? NAME : `${NAME}-${n}`;
    if (!existsSync(serviceFile(kind, name))) return name;
  }
}

function useInstalled(setup: Setup, { kind, name, file }: InstalledService): boolean {
  const { talk } = setup;
  const manager = serviceManager(kind, name);
  const isActive = () => /^(active|activating|running)/.test(manager.status().state);
  const needed = setup.changed.length > 0 ? 'restart' : isActive() ? null : 'start';
  if (needed !== null && kind === 'systemd-system' && process.getuid?.() !== 0)
    warn(setup, `The service is the system’s: sudo nanoclaw service ${needed} --system --name ${name}`);
  else if (needed !== null) manager.run(needed);
  talk.good(`The service is ${manager.status().state} (${file}).`);
  return isActive();
}
