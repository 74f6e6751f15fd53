/**
 * The managers' own tools are not on every machine. Here each is a small program that keeps a state and refuses what the real
 * one refuses: launchctl loads nothing twice and knows nothing that is not loaded; systemctl starts nothing that has failed
 * too often.
 */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { serviceManager, whyNoManager } from './manager.ts';

const LAUNCHCTL = `#!/bin/sh
state="$HOME/loaded"
echo "$*" >> "$HOME/calls"
case "$1" in
  print) [ -e "$state" ] || { echo "Could not find service" >&2; exit 113; }
    # On its way out: it can be seen for two more looks.
    if [ -e "$HOME/going" ]; then n=$(cat "$HOME/going"); if [ "$n" = 0 ]; then rm "$state" "$HOME/going"; else echo $((n - 1)) > "$HOME/going"; fi; fi
    printf '\\tstate = running\\n' ;;
  bootstrap) [ ! -e "$state" ] || { echo "Bootstrap failed: 5: Input/output error" >&2; exit 5; }
    [ -e "$3" ] || exit 2; : > "$state" ;;
  bootout) [ -e "$state" ] || { echo "Boot-out failed: 3: No such process" >&2; exit 3; }
    echo 1 > "$HOME/going" ;;
  kickstart) [ -e "$state" ] || { echo "Could not find service" >&2; exit 113; } ;;
  *) exit 64 ;;
esac
`;
const SYSTEMCTL = `#!/bin/sh
echo "$*" >> "$HOME/calls"
[ "$1" = --user ] && shift
case "$1" in
  daemon-reload|enable|stop) ;;
  show-environment) [ ! -e "$HOME/no-session" ] ;;
  disable) rm -f "$HOME/active" ;;
  reset-failed) [ -e "$HOME/failed" ] || exit 1; rm "$HOME/failed" ;;
  start|restart) [ ! -e "$HOME/failed" ] || { echo "Start request repeated too quickly." >&2; exit 1; }; : > "$HOME/active" ;;
  is-active) if [ -e "$HOME/failed" ]; then echo failed; exit 3; elif [ -e "$HOME/active" ]; then echo active; else echo inactive; exit 3; fi ;;
  *) exit 64 ;;
esac
`;

let home: string;
beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), 'nanoclaw-manager-'));
  mkdirSync(path.join(home, 'bin'));
  for (const [name, text] of Object.entries({ launchctl: LAUNCHCTL, systemctl: SYSTEMCTL })) {
    writeFileSync(path.join(home, 'bin', name), text);
    chmodSync(path.join(home, 'bin', name), 0o755);
  }
  vi.stubEnv('HOME', home);
  vi.stubEnv('PATH', `${path.join(home, 'bin')}:${process.env.PATH}`);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true });
});
const calls = (): string[] => readFileSync(path.join(home, 'calls'), 'utf8').trim().split('\n');

describe('launchd', () => {
  const manager = () => serviceManager('launchd', 'nanoclaw');

  it('takes a second install, and start, stop and restart in any order', () => {
    manager().install('<plist/>');
    manager().install('<plist version="2"/>');
    expect(readFileSync(manager().file, 'utf8')).toContain('version="2"');
    expect(manager().status()).toMatchObject({ installed: true, state: 'running' });
    for (const action of ['start', 'restart', 'stop', 'stop'] as const) manager().run(action);
    expect(manager().status()).toMatchObject({ installed: true, state: 'not loaded' });
    for (const action of ['restart', 'start'] as const) manager().run(action);
    expect(manager().status().state).toBe('running');
    expect(calls().filter((call) => call.startsWith('kickstart -k'))).toHaveLength(1);
  });

  it('is uninstalled also when it was stopped before', () => {
    manager().install('<plist/>');
    manager().run('stop');
    manager().uninstall();
    expect(existsSync(manager().file)).toBe(false);
    expect(manager().status()).toMatchObject({ installed: false });
    expect(() => manager().uninstall()).toThrow('The service is not installed');
  });
});

describe('systemd', () => {
  const manager = (booted = home) => serviceManager('systemd-user', 'nanoclaw', booted);

  it('writes the unit, enables and starts it; what has failed too often is tried again when somebody asks', () => {
    manager().install('[Service]\n');
    expect(calls()).toEqual([
      '--user daemon-reload',
      '--user enable nanoclaw.service',
      '--user reset-failed nanoclaw.service',
      '--user restart nanoclaw.service',
    ]);
    expect(manager().status()).toEqual({ installed: true, state: 'active', file: manager().file });
    for (const action of ['start', 'restart'] as const) {
      writeFileSync(path.join(home, 'failed'), '');
      expect(manager().status().state).toBe('failed');
      manager().run(action);
      expect(manager().status().state).toBe('active');
    }
    manager().uninstall();
    expect(existsSync(manager().file)).toBe(false);
  });

  it('is said to be missing where it does not run the machine, and nothing is written', () => {
    const none = manager(path.join(home, 'no-such-folder'));
    expect(() => none.install('[Service]\n')).toThrow('systemd does not run on this machine');
    expect(existsSync(none.file)).toBe(false);
    expect(whyNoManager('systemd-user', path.join(home, 'no-such-folder'))).toMatchObject({
      code: 'SERVICE_UNAVAILABLE',
      fix: expect.stringContaining('--print'),
    });
  });

  it('of a user that cannot be spoken to is said before anything is written', () => {
    expect(whyNoManager('systemd-user', home)).toBeNull();
    writeFileSync(path.join(home, 'no-session'), '');
    expect(whyNoManager('systemd-user', home)?.message).toContain('Your own systemd does not answer');
  });
});
