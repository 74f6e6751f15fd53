import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { launchdPlist, systemdUnit } from './unit.ts';

const has = (command: string) => spawnSync('which', [command]).status === 0;

/** What a careless program would trip over. */
const NASTY = 'my "home" 100% $HOME & <co>';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'nanoclaw-unit-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const facts = (root: string) => ({
  name: 'nanoclaw',
  node: process.execPath,
  root,
  home: root,
  path: '/usr/local/bin:/usr/bin:/bin',
});

function installed(name: string): string {
  const root = path.join(dir, name);
  mkdirSync(path.join(root, 'bin'), { recursive: true });
  writeFileSync(path.join(root, 'bin', 'nanoclaw'), '');
  chmodSync(path.join(root, 'bin', 'nanoclaw'), 0o755);
  return root;
}

describe.skipIf(!has('systemd-analyze'))('the systemd unit', () => {
  const system = { user: 'root', group: '0', dockerGroup: false };
  function verify(text: string): string {
    const file = path.join(dir, 'nanoclaw.service');
    writeFileSync(file, text);
    const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file], {
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return stdout;
  }

  it.each(['nanoclaw', NASTY])('of the system is taken by systemd without a word, in "%s"', (name) => {
    verify(systemdUnit({ ...facts(installed(name)), system }));
  });

  it('of a user is taken, too', () => {
    verify(systemdUnit({ ...facts(installed('nanoclaw')), system: null }));
  });

  it('that is wrong is noticed by this very check', () => {
    const text = systemdUnit({ ...facts(installed('nanoclaw')), system });
    expect(() => verify(text.replace('Type=notify', 'Type=nonsense'))).toThrow();
  });

  it('is hardened: systemd rates its exposure as medium at most', () => {
    const file = path.join(dir, 'nanoclaw.service');
    writeFileSync(
      file,
      systemdUnit({ ...facts(installed('nanoclaw')), system: { ...system, user: 'daemon' } }),
    );
    const report = execFileSync('systemd-analyze', ['security', '--offline=true', '--no-pager', file], {
      encoding: 'utf8',
    });
    const rate = Number(/exposure level for .*: ([\d.]+)/.exec(report)?.[1]);
    expect(rate).toBeGreaterThan(0);
    expect(rate).toBeLessThan(5);
  });
});

describe('the systemd unit', () => {
  it('restarts after failures, not after wrong settings, and not without end', () => {
    const unit = systemdUnit({ ...facts('/srv/nanoclaw'), system: null }).split('\n');
    expect(unit).toEqual(
      expect.arrayContaining(['Restart=on-failure', 'RestartPreventExitStatus=2', 'StartLimitBurst=10']),
    );
  });
});

describe.skipIf(!has('python3'))('the launchd property list', () => {
  it.each(['/srv/nanoclaw', `/srv/${NASTY}`])(
    'is a property list that says what was meant, in "%s"',
    (root) => {
      const text = launchdPlist(facts(root));
      const script = 'import plistlib, json, sys; print(json.dumps(plistlib.loads(sys.stdin.buffer.read())))';
      const parsed = JSON.parse(
        execFileSync('python3', ['-c', script], { input: text, encoding: 'utf8' }),
      ) as Record<string, unknown>;
      expect(parsed).toMatchObject({
        Label: 'org.nanoclaw.nanoclaw',
        ProgramArguments: [process.execPath, path.join(root, 'bin/nanoclaw'), 'start'],
        EnvironmentVariables: { NANOCLAW_HOME: root },
        KeepAlive: { SuccessfulExit: false },
        RunAtLoad: true,
      });
    },
  );
});
