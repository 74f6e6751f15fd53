/** nanoclaw service: the daemon under systemd or launchd. */
import { existsSync, readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { callerName, loadConfig, searchPath } from '../config.ts';
import { NanoClawError } from '../errors.ts';
import { projectRoot } from '../lib/project-root.ts';
import {
  defaultManager,
  type ManagerKind,
  type ServiceState,
  serviceFile,
  serviceManager,
} from '../service/manager.ts';
import { launchdPlist, systemdUnit } from '../service/unit.ts';
import { type Output, print } from './context.ts';

interface ServiceFlags extends Output {
  name: string;
  system?: boolean;
  user?: string;
  print?: boolean;
}

export function serviceCommand(program: Command): void {
  const service = program.command('service').description('run the daemon under systemd or launchd');
  const scoped = (name: string, description: string) =>
    service
      .command(name)
      .description(description)
      .option('--name <name>', 'name of the service', 'nanoclaw')
      .option('--system', 'the system’s systemd (as root; the default for root)')
      .option('--json', 'machine-readable');
  scoped('install', 'write the unit, start it, and start it at every boot')
    .option('--user <name>', 'with --system: the user it runs as (default: who called sudo, else you)')
    .option('--print', 'only show what would be written')
    .action(install);
  scoped('uninstall', 'stop it and remove the unit').action((flags: ServiceFlags) => {
    const manager = managerOf(flags);
    manager.uninstall();
    print(flags, manager.status(), `Removed ${manager.file}.`);
  });
  for (const action of ['start', 'stop', 'restart'] as const) {
    scoped(action, `${action} the service`).action((flags: ServiceFlags) => {
      const manager = managerOf(flags);
      manager.run(action);
      print(flags, manager.status(), `The service is ${manager.status().state}.`);
    });
  }
  scoped('status', 'is it installed, and does it run?').action((flags: ServiceFlags) => {
    const state = managerOf(flags).status();
    print(flags, state, state.installed ? `${state.file}: ${state.state}` : 'The service is not installed.');
    if (!state.installed || !/^(active|running|activating)/.test(state.state)) process.exitCode = 1;
  });
}

function install(flags: ServiceFlags): void {
  const planned = planService(flags);
  if (flags.print) {
    print(flags, { file: planned.file, text: planned.text }, planned.text.trimEnd());
    return;
  }
  const { state, note } = installService(planned);
  print(flags, state, `Installed ${planned.file}; the service is ${state.state}.${note}`);
}

interface PlannedService {
  kind: ManagerKind;
  name: string;
  file: string;
  text: string;
}

/** What would be written, and where. Throws CONFIG_INVALID or COMMAND_INVALID. */
export function planService(flags: Pick<ServiceFlags, 'name' | 'system' | 'user'>): PlannedService {
  const { name } = flags;
  if (!/^[A-Za-z0-9][\w.-]{0,63}$/.test(name)) {
    throw new NanoClawError('COMMAND_INVALID', `--name is "${name}"; expected letters, digits, - _ or .`);
  }
  const config = loadConfig(); // a service with wrong settings would only fail where nobody looks
  const kind = kindOf(flags);
  const text = serviceText(kind, name, config.home, flags.user);
  return { kind, name, file: serviceFile(kind, name), text };
}

/** Writes it, starts it now and at every boot. Throws SERVICE_UNAVAILABLE. */
export function installService({ kind, name, text }: PlannedService): { state: ServiceState; note: string } {
  const manager = serviceManager(kind, name);
  manager.install(text);
  const note =
    kind === 'systemd-user'
      ? `\nSo that it also runs while you are logged out: loginctl enable-linger ${userInfo().username}`
      : '';
  return { state: manager.status(), note };
}

/** What `service install` writes today. Throws COMMAND_INVALID when there is no such user. */
export function serviceText(kind: ManagerKind, name: string, home: string, user?: string): string {
  const facts = { name, node: process.execPath, root: projectRoot(), home, path: searchPath() };
  if (kind === 'launchd') return launchdPlist(facts);
  return systemdUnit({ ...facts, system: kind === 'systemd-system' ? systemUser(user) : null });
}

const managerOf = (flags: ServiceFlags) => serviceManager(kindOf(flags), flags.name);

function kindOf(flags: Pick<ServiceFlags, 'system'>): ManagerKind {
  return flags.system ? 'systemd-system' : defaultManager(process.getuid?.());
}

function systemUser(given?: string): { user: string; group: string; dockerGroup: boolean } {
  const user = given ?? callerName() ?? userInfo().username;
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`${user}:`));
  const gid = line?.split(':')[3];
  if (gid === undefined) {
    throw new NanoClawError('COMMAND_INVALID', `--user is "${user}"; expected a user of this machine.`);
  }
  const groups = existsSync('/etc/group') ? readFileSync('/etc/group', 'utf8').split('\n') : [];
  return { user, group: gid, dockerGroup: groups.some((each) => each.startsWith('docker:')) };
}
