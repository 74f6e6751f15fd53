/**
 * nanoclaw setup --service where systemd runs the machine: in a mount namespace of its own, with a systemctl that starts what
 * the unit file says. The daemon is the real one, as the unit starts it.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { MAIN_CHAT_ID } from '../../src/simulator/simulator.ts';
import { type BotApi, type CommandResult, startBotApi, TestHome } from '../support/daemon.ts';
import { type Run, runWithInput } from '../support/run.ts';

const SYSTEMCTL = `#!/bin/sh
unit=/etc/systemd/system/nanoclaw.service
pid=$(cat "$HOME/pid" 2>/dev/null)
stop() { [ -n "$pid" ] && kill "$pid" 2>/dev/null && while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done; }
echo "$1" >> "$HOME/calls"
case "$1" in
  start|restart)
    stop
    cd "$(sed -n 's/^WorkingDirectory=//p' $unit)" || exit 1
    # The lines hold plain words here: the home and the project are plain paths.
    env -i HOME="$HOME" $(sed -n 's/^Environment=//p' $unit) $(sed -n 's/^ExecStart=//p' $unit) </dev/null >/dev/null 2>&1 &
    echo $! > "$HOME/pid" ;;
  stop|disable) stop ;;
  is-active) if [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null; then echo active; else echo inactive; exit 3; fi ;;
esac
exit 0
`;
/** A machine that systemd runs, and whose units are nobody else's. */
const MACHINE = [
  'unshare',
  '--mount',
  'sh',
  '-c',
  'mount -t tmpfs none /run && mkdir -p /run/systemd/system && mkdir -p /etc/systemd && mount -t tmpfs none /etc/systemd && exec "$@"',
  'sh',
];
const whyNot =
  spawnSync(MACHINE[0] ?? '', [...MACHINE.slice(1), 'true']).status === 0 && process.getuid?.() === 0
    ? null
    : 'no mount namespace can be made here';

let api: BotApi;
let home: TestHome;
beforeEach(async () => {
  api = await startBotApi();
  home = new TestHome();
  mkdirSync(home.file('bin'));
  writeFileSync(home.file('bin/systemctl'), SYSTEMCTL);
  chmodSync(home.file('bin/systemctl'), 0o755);
  // A service has no environment of ours.
  writeFileSync(home.file('.env'), 'HTTP_PORT=0\n', { mode: 0o600 });
});
afterEach(async () => {
  const pid = pidOf();
  if (pid !== null && isAlive(pid)) process.kill(pid, 'SIGKILL');
  await home.dispose();
  await api.close();
});

const pidOf = (): number | null => (existsSync(home.file('pid')) ? Number(home.read('pid')) : null);
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
const calls = (): string[] => readFileSync(home.file('calls'), 'utf8').trim().split('\n');

function run(through: readonly string[], input: string | null, ...args: string[]): Run {
  const env = home.environment({ HOME: home.dir, PATH: `${home.file('bin')}:${process.env.PATH}` });
  delete env.HTTP_PORT;
  return runWithInput(args, { cwd: home.dir, env, input, through });
}
/** In the same namespace, as long as the service runs. */
const again = (...args: string[]): Promise<CommandResult> =>
  run(['nsenter', '--mount', '--target', String(pidOf())], null, ...args).ended;

it.skipIf(whyNot)(
  `a service is installed, used as it is, given new settings, and uninstalled${whyNot ? ` (skipped: ${whyNot})` : ''}`,
  async () => {
    const flags = ['--token', '-', '--api-root', api.url, '--offline', '--runtime', 'process', '--service'];
    const first = run(MACHINE, `${api.sim.token}\n`, 'setup', ...flags, '--json');
    api.sim.say({ chat: MAIN_CHAT_ID, from: 'you', text: await first.printed(/\/pair \S+/) });
    const { code, stdout, stderr } = await first.ended;
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringContaining(
        'Installed /etc/systemd/system/nanoclaw.service; the service is active.',
      ),
    });
    expect(JSON.parse(stdout)).toMatchObject({ daemon: 'service', greeted: true, main: { folder: 'main' } });
    expect(api.answers(MAIN_CHAT_ID).at(-1)).toContain('I am here from every boot on.');
    expect(calls()).toEqual(expect.arrayContaining(['daemon-reload', 'enable', 'restart']));
    expect(await api.ask(MAIN_CHAT_ID, 'ping')).toBe('pong');

    const pid = pidOf();
    const unchanged = await again('setup', '--offline', '--json');
    expect([unchanged.code, JSON.parse(unchanged.stdout)]).toEqual([
      0,
      expect.objectContaining({ changed: [], daemon: 'service', greeted: false }),
    ]);
    expect(pidOf()).toBe(pid);

    const renamed = await again('setup', '--offline', '--name', 'Vera', '--json');
    expect([renamed.code, JSON.parse(renamed.stdout)]).toEqual([
      0,
      expect.objectContaining({ changed: ['ASSISTANT_NAME'], daemon: 'service' }),
    ]);
    expect(pidOf()).not.toBe(pid);
    expect(await api.ask(MAIN_CHAT_ID, 'ping')).toBe('pong');

    const gone = await again('service', 'uninstall', '--json');
    expect([gone.code, JSON.parse(gone.stdout)]).toEqual([0, expect.objectContaining({ installed: false })]);
    expect(isAlive(pidOf() ?? 0)).toBe(false);
  },
  120_000,
);
