/** nanoclaw --version: whatever is broken, it says what is there. */
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { MIGRATIONS } from '../../src/db/migrations.ts';
import { databaseFile, openDatabase } from '../../src/db/open.ts';
import { judgeImage } from '../../src/docker/image.ts';
import { PROTOCOL_VERSION } from '../../src/protocol.ts';
import { TestHome } from '../support/daemon.ts';

function createHome(dockerHost: string): TestHome {
  const home = new TestHome({ DOCKER_HOST: dockerHost });
  onTestFinished(() => home.dispose());
  return home;
}
const NOWHERE = 'unix:///nowhere/docker.sock';

it('names code, schema, protocol, image and Node, for people and for scripts', async () => {
  const home = createHome(NOWHERE);
  const people = await home.nanoclaw('--version');
  expect(people).toMatchObject({ code: 0, stderr: '' });
  expect(people.stdout).toMatch(
    /^nanoclaw \d+\.\d+\.\d+\nschema +\d+\nprotocol \d+\nimage +nanoclaw-agent:latest, sources [0-9a-f]{12}: unknown \(.*\)\nnode +\d/,
  );
  const { code, stdout } = await home.nanoclaw('--version', '--json');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual({
    version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
    node: process.versions.node,
    schema: MIGRATIONS.length,
    database_schema: null,
    protocol: PROTOCOL_VERSION,
    image: {
      name: 'nanoclaw-agent:latest',
      sources: expect.stringMatching(/^[0-9a-f]{64}$/),
      state: 'unknown',
      built_from: null,
      protocol: null,
      problem: expect.stringContaining('/nowhere/docker.sock'),
    },
  });
});

it('is not held up by an engine that does not answer, nor by wrong settings, and tells an older database', async () => {
  const silent = createServer(() => {});
  const socket = path.join(createHome(NOWHERE).dir, 'silent.sock');
  await new Promise<void>((resolve) => silent.listen(socket, resolve));
  onTestFinished(() => void silent.close());
  const home = createHome(`unix://${socket}`);
  openDatabase(databaseFile(home.dir), MIGRATIONS.slice(0, 1)).close();
  const waited = await home.nanoclaw('--version', '--json');
  expect(JSON.parse(waited.stdout)).toMatchObject({
    database_schema: 1,
    image: { state: 'unknown', problem: expect.stringContaining('did not answer') },
  });
  expect((await home.nanoclaw('--version')).stdout).toContain(
    'the database here has 1: upgraded at the next start',
  );

  writeFileSync(home.file('.env'), 'HTTP_PORT=many\nMAX_CONCURRENT_CONTAINERS=none\n');
  const wrong = await home.nanoclawWith({ HTTP_PORT: '' }, '--version');
  expect(wrong).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('unknown (the settings are wrong)'),
  });
});

it.each([
  ['nanoclaw-agent:latest', null, 'a', 'missing'],
  ['nanoclaw-agent:latest', { source: 'a', protocol: '1' }, 'a', 'current'],
  ['nanoclaw-agent:latest', { source: 'b', protocol: '1' }, 'a', 'outdated'],
  ['nanoclaw-agent:latest', { source: 'b', protocol: '99' }, 'a', 'outdated'],
  ['nanoclaw-agent:latest', { source: 'b', protocol: '99' }, null, 'mismatch'],
  ['mine:1', { source: 'b', protocol: '1', tag: 'nanoclaw-agent:latest' }, 'a', 'own'],
  ['mine:1', {}, 'a', 'own'],
  ['mine:1', { source: 'a', protocol: '99', tag: 'nanoclaw-agent:latest' }, 'a', 'mismatch'],
] as const)('the image %s with labels %j and sources %s is %s', (name, labels, wanted, state) => {
  const Labels = Object.fromEntries(
    Object.entries(labels ?? {}).map(([key, value]) => [`nanoclaw.${key}`, value as string]),
  );
  const image = labels ? { Id: 'x', Size: 1, Config: { Labels, Entrypoint: [], Cmd: [] } } : null;
  expect(judgeImage(name, image, wanted).state).toBe(state);
});
