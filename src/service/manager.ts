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

/** Is there where systemd runs the machine (sd_booted(3)). */
const BOOTED = '/run/systemd/system';
/** launchd takes a service away only when its process has ended; plist and daemon allow that less. */
const GONE_MS = 30_000;
const LOOK_MS = 100;

/** What needs the manager throws SERVICE_UNAVAILABLE where this machine has none. */
export function serviceManager(kind: ManagerKind, name: string, booted = BOOTED): ServiceManager {
  return kind === 'launchd' ? launchd(name) : systemd(kind, name, booted);
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

/** What to throw where this machine does not have that manager, or it cannot be spoken to; else null. */
export function whyNoManager(kind: ManagerKind, booted = BOOTED): NanoClawError | null {
  if (kind === 'launchd') return process.platform === 'darwin' ? null : unavailable('launchd is macOS’ own.');
  if (!existsSync(booted)) return noSystemd();
  const scope = kind === 'systemd-user' ? ['--user'] : [];
  const { status } = spawnSync('systemctl', [...scope, 'show-environment'], { stdio: 'ignore' });
  if (status === 0) return null;
  return unavailable('Your own systemd does not answer: it runs in a real login of yours only.');
}

function systemd(kind: 'systemd-system' | 'systemd-user', name: string, booted: string): ServiceManager {
  const file = serviceFile(kind, name);
  const unit = `${name}.service`;
  const scope = kind === 'systemd-user' ? ['--user'] : [];
  const systemctl = (...args: string[]) => tool('systemctl', [...scope, ...args]);
  /** A unit that has failed too often is refused until its count is set back; who starts it by hand wants it tried. */
  const again = (action: 'start' | 'restart') => {
    spawnSync('systemctl', [...scope, 'reset-failed', unit], { stdio: 'ignore' });
    systemctl(action, unit);
  };
  return {
    kind,
    file,
    install(text) {
      requireSystemd(booted);
      writeUnit(file, text);
      systemctl('daemon-reload');
      systemctl('enable', unit);
      again('restart');
    },
    uninstall() {
      requireSystemd(booted);
      if (!existsSync(file)) throw notInstalled(file);
      systemctl('disable', '--now', unit);
      rmSync(file, { force: true });
      systemctl('daemon-reload');
    },
    run(action) {
      requireSystemd(booted);
      if (!existsSync(file)) throw notInstalled(file);
      if (action === 'stop') systemctl('stop', unit);
      else again(action);
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
  const isLoaded = () => spawnSync('launchctl', ['print', target], { stdio: 'ignore' }).status === 0;
  const load = () => tool('launchctl', ['bootstrap', domain, file]);
  /** Loading it anew is refused as long as the old one is going. */
  const unload = () => {
    if (!isLoaded()) return;
    spawnSync('launchctl', ['bootout', target], { stdio: 'ignore' });
    const until = performance.now() + GONE_MS;
    while (isLoaded()) {
      if (performance.now() > until)
        throw unavailable(`launchctl bootout ${target} did not end the service.`);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_MS);
    }
  };
  return {
    kind: 'launchd',
    file,
    install(text) {
      unload();
      writeUnit(file, text);
      load();
    },
    uninstall() {
      if (!existsSync(file)) throw notInstalled(file);
      unload();
      rmSync(file, { force: true });
    },
    run(action) {
      if (!existsSync(file)) throw notInstalled(file);
      if (action === 'stop') unload();
      else if (!isLoaded()) load();
      else tool('launchctl', ['kickstart', ...(action === 'restart' ? ['-k'] : []), target]);
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

function requireSystemd(booted: string): void {
  if (!existsSync(booted)) throw noSystemd();
}

const noSystemd = () => unavailable('systemd does not run on this machine.');

const notInstalled = (file: string) =>
  new NanoClawError('SERVICE_UNAVAILABLE', `The service is not installed: there is no ${file}.`, {
    fix: 'nanoclaw service install',
  });

function tool(command: string, args: string[]): void {
  const { status, error, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status === 0) return;
  const why = error?.message ?? (stderr.trim() || `it ended with ${status}`);
  throw unavailable(`${command} ${args.join(' ')} failed: ${why}`);
}

const unavailable = (message: string) =>
  new NanoClawError('SERVICE_UNAVAILABLE', message, {
    fix: 'nanoclaw service install --print shows what is given to the manager; or run "npm start" under the one you have.',
  });
