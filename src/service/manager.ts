/**
 * The machine's service manager: systemd (the system's or the user's own) or launchd. Every call runs the manager's own
 * tool and shows what it said; nothing is guessed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { NanoClawError } from '../errors.ts';
import { writeFileAtomic } from '../lib/atomic-file.ts';
import { launchdLabel } from './unit.ts';

export type ManagerKind = 'systemd-system' | 'systemd-user' | 'launchd';

export interface ServiceState {
  installed: boolean;
  /** As the manager says: active, failed, inactive, … */
  state: string;
  file: string;
}

export interface ServiceManager {
  readonly kind: ManagerKind;
  /** Where the unit or property list belongs. */
  readonly file: string;
  /** Writes the file, and starts the service now and at every boot or login. */
  install(text: string): void;
  /** Stops it and removes the file. */
  uninstall(): void;
  run(action: 'start' | 'stop' | 'restart'): void;
  status(): ServiceState;
}

/** Throws SERVICE_UNAVAILABLE where this machine has no such manager. */
export function serviceManager(kind: ManagerKind, name: string): ServiceManager {
  return kind === 'launchd' ? launchd(name) : systemd(kind, name);
}

export function defaultManager(uid: number | undefined): ManagerKind {
  if (process.platform === 'darwin') return 'launchd';
  return uid === 0 ? 'systemd-system' : 'systemd-user';
}

/** Where the service's file belongs, whether the manager is there or not. */
export function serviceFile(kind: ManagerKind, name: string): string {
  if (kind === 'launchd')
    return path.join(homedir(), 'Library', 'LaunchAgents', `${launchdLabel(name)}.plist`);
  if (kind === 'systemd-user') return path.join(homedir(), '.config', 'systemd', 'user', `${name}.service`);
  return path.join('/etc', 'systemd', 'system', `${name}.service`);
}

/** This machine has that manager, and it can be spoken to. */
export function hasManager(kind: ManagerKind): boolean {
  if (kind === 'launchd') return process.platform === 'darwin';
  if (!existsSync('/run/systemd/system')) return false;
  const scope = kind === 'systemd-user' ? ['--user'] : [];
  return spawnSync('systemctl', [...scope, 'show-environment'], { stdio: 'ignore' }).status === 0;
}

function systemd(kind: 'systemd-system' | 'systemd-user', name: string): ServiceManager {
  const file = serviceFile(kind, name);
  const unit = `${name}.service`;
  const scope = kind === 'systemd-user' ? ['--user'] : [];
  const systemctl = (...args: string[]) => tool('systemctl', [...scope, ...args]);
  return {
    kind,
    file,
    install(text) {
      requireSystemd();
      writeUnit(file, text);
      systemctl('daemon-reload');
      systemctl('enable', unit);
      systemctl('restart', unit);
    },
    uninstall() {
      requireSystemd();
      if (!existsSync(file)) throw notInstalled(file);
      systemctl('disable', '--now', unit);
      rmSync(file, { force: true });
      systemctl('daemon-reload');
    },
    run(action) {
      requireSystemd();
      if (!existsSync(file)) throw notInstalled(file);
      systemctl(action, unit);
    },
    status() {
      if (!existsSync(file)) return { installed: false, state: 'not installed', file };
      const { stdout } = spawnSync('systemctl', [...scope, 'is-active', unit], { encoding: 'utf8' });
      return { installed: true, state: stdout?.trim() || 'unknown: systemd does not answer', file };
    },
  };
}

function launchd(name: string): ServiceManager {
  const file = serviceFile('launchd', name);
  const domain = `gui/${process.getuid?.() ?? 0}`;
  const target = `${domain}/${launchdLabel(name)}`;
  return {
    kind: 'launchd',
    file,
    install(text) {
      if (existsSync(file)) spawnSync('launchctl', ['bootout', target]);
      writeUnit(file, text);
      tool('launchctl', ['bootstrap', domain, file]);
    },
    uninstall() {
      if (!existsSync(file)) throw notInstalled(file);
      tool('launchctl', ['bootout', target]);
      rmSync(file, { force: true });
    },
    run(action) {
      if (!existsSync(file)) throw notInstalled(file);
      if (action === 'stop') tool('launchctl', ['bootout', target]);
      else if (action === 'restart') tool('launchctl', ['kickstart', '-k', target]);
      else tool('launchctl', ['bootstrap', domain, file]);
    },
    status() {
      if (!existsSync(file)) return { installed: false, state: 'not installed', file };
      const { stdout, status } = spawnSync('launchctl', ['print', target], { encoding: 'utf8' });
      const state = /^\s*state = (.+)$/m.exec(stdout ?? '')?.[1];
      return { installed: true, state: status === 0 ? (state ?? 'loaded') : 'not loaded', file };
    },
  };
}

function writeUnit(file: string, text: string): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileAtomic(file, text, { mode: 0o644 });
}

function requireSystemd(): void {
  if (existsSync('/run/systemd/system')) return;
  throw new NanoClawError('SERVICE_UNAVAILABLE', 'systemd does not run on this machine.', {
    fix: 'nanoclaw service install --print shows the unit; or run "npm start" under the manager you have.',
  });
}

const notInstalled = (file: string) =>
  new NanoClawError('SERVICE_UNAVAILABLE', `The service is not installed: there is no ${file}.`, {
    fix: 'nanoclaw service install',
  });

function tool(command: string, args: string[]): void {
  const { status, error, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status === 0) return;
  const why = error?.message ?? (stderr.trim() || `it ended with ${status}`);
  throw new NanoClawError('SERVICE_UNAVAILABLE', `${command} ${args.join(' ')} failed: ${why}`);
}
