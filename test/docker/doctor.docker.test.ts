/**
 * Faults of the engine's side, planted one at a time: `nanoclaw doctor` names each, and --fix, or doing what the line says, makes
 * it ok. The program runs from a copy whose agent image is built in a second.
 */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Finding } from '../../src/commands/doctor/finding.ts';
import { databaseFile } from '../../src/db/open.ts';
import { createDb } from '../../src/db.ts';
import { buildImage, removeImage } from '../../src/docker/engine-images.ts';
import type { TestHome } from '../support/daemon.ts';
import { patient } from '../support/doctor.ts';
import { docker } from './agent-container.ts';
import { TEST_IMAGE, testEngine, whyNoDocker } from './engine-support.ts';

const whyNot = await whyNoDocker();
const ROOT = path.resolve(import.meta.dirname, '../..');
const isRoot = process.getuid?.() === 0;
/** As whom the agents of a daemon that is root work. */
const AGENT = 1000;

describe.skipIf(whyNot)(`the doctor and the engine${whyNot ? ` (skipped: ${whyNot})` : ''}`, () => {
  const engine = testEngine();
  const root = mkdtempSync(path.join(tmpdir(), 'nanoclaw-program-'));
  const image = `nanoclaw-doctor-${randomUUID().slice(0, 8)}:latest`;
  let home: TestHome;

  const dockerfile = (text: string) =>
    writeFileSync(path.join(root, 'container/Dockerfile'), `ARG BASE_IMAGE\nFROM $BASE_IMAGE\n${text}`);
  beforeAll(() => {
    cpSync(path.join(ROOT, 'dist'), path.join(root, 'dist'), { recursive: true });
    cpSync(path.join(ROOT, 'package.json'), path.join(root, 'package.json'));
    symlinkSync(path.join(ROOT, 'node_modules'), path.join(root, 'node_modules'));
    mkdirSync(path.join(root, 'container'));
    dockerfile('');
  });
  beforeEach(() => {
    home = patient({ CONTAINER_RUNTIME: 'docker', CONTAINER_IMAGE: image, BASE_IMAGE: TEST_IMAGE });
    if (process.env.DOCKER_HOST) home.settings.DOCKER_HOST = process.env.DOCKER_HOST;
  });
  afterEach(() => home.dispose());
  afterAll(async () => {
    await removeImage(engine, image).catch(() => {});
    engine.close();
    rmSync(root, { recursive: true, force: true });
  });

  async function doctor(
    ...args: string[]
  ): Promise<{ code: number; of(id: string): Finding; findings: Finding[] }> {
    const { code, stdout } = await new Promise<{ code: number; stdout: string }>((resolve) => {
      const command = [path.join(root, 'dist/cli.js'), 'doctor', '--json', ...args];
      execFile(process.execPath, command, { env: home.environment({}), cwd: home.dir }, (error, stdout) =>
        resolve({ code: error ? Number(error.code) : 0, stdout }),
      );
    });
    const { findings } = JSON.parse(stdout) as { findings: Finding[] };
    return {
      code,
      findings,
      of: (id) => findings.find((finding) => finding.id === id) ?? expect.unreachable(id),
    };
  }
  async function fixed(id: string): Promise<string[]> {
    const { state, done = [] } = (await doctor('--fix')).of(id);
    expect(state).toBe('ok');
    expect((await doctor('--fix')).findings.filter((finding) => finding.done !== undefined)).toEqual([]);
    return done;
  }

  it('an image that is missing, and one that is older than its sources', async () => {
    const missing = await doctor();
    expect(missing.code).toBe(1);
    expect(missing.of('image')).toMatchObject({
      state: 'fail',
      seen: `The agent image ${image} is not there.`,
      fix: expect.stringContaining('doctor --fix'),
    });
    expect(missing.of('workspace')).toMatchObject({ state: 'warn', fix: 'See the line image.' });
    expect(await fixed('image')).toEqual([`Built ${image}.`]);

    dockerfile('LABEL newer=yes\n');
    expect((await doctor()).of('image')).toMatchObject({
      state: 'warn',
      seen: expect.stringContaining('older than its sources'),
    });
    expect(await fixed('image')).toEqual([`Built ${image}.`]);
  });

  it('an operator’s own image for another version', async () => {
    const own = `own-agents-${randomUUID().slice(0, 8)}:latest`;
    const build = async (protocol: string) => {
      const tar = pack();
      tar.entry({ name: 'Dockerfile' }, `FROM ${TEST_IMAGE}\n`);
      tar.finalize();
      const options = {
        tag: own,
        dockerfile: 'Dockerfile',
        buildArgs: {},
        labels: { 'nanoclaw.protocol': protocol },
      };
      await buildImage(engine, Readable.from(tar), options, () => {});
    };
    home.settings.CONTAINER_IMAGE = own;
    try {
      await build('0');
      expect((await doctor()).of('image')).toMatchObject({
        state: 'fail',
        seen: expect.stringContaining('protocol 0'),
        fix: expect.stringContaining('Build yours again'),
      });
      await build('1');
      expect((await doctor()).of('image')).toMatchObject({
        state: 'ok',
        seen: expect.stringContaining('your own'),
      });
    } finally {
      await removeImage(engine, own).catch(() => {});
    }
  });

  it('an engine that is away', async () => {
    home.settings.DOCKER_HOST = `unix://${home.file('nowhere.sock')}`;
    const away = await doctor();
    expect(away.of('engine')).toMatchObject({ state: 'fail', fix: expect.stringContaining('Start Docker') });
    for (const id of ['image', 'workspace'])
      expect(away.of(id)).toMatchObject({ state: 'warn', fix: 'See the line engine.' });
    home.settings.DOCKER_HOST = process.env.DOCKER_HOST ?? '';
    expect((await doctor()).of('engine').state).toBe('ok');
  });

  it.skipIf(!isRoot)('folders that an agent cannot write, seen from inside a container', async () => {
    home.settings.CONTAINER_IMAGE = TEST_IMAGE;
    home.registerAll([{ chatJid: '-1', name: 'Family', folder: 'family' }]);
    expect((await doctor()).of('workspace').seen).toContain('when they start');
    for (const dir of ['groups/family', 'data/sessions/family', 'data/ipc/family/out'])
      chownSync(home.file(dir), AGENT, AGENT);
    expect((await doctor()).of('workspace')).toMatchObject({
      state: 'ok',
      seen: expect.stringContaining('all 3 folders'),
    });
    chmodSync(home.file('groups/family'), 0o555);
    expect((await doctor()).of('workspace')).toMatchObject({
      state: 'fail',
      seen: `An agent, as user ${AGENT}, cannot write into groups/family (EACCES).`,
      fix: expect.stringContaining('chmod u+rwx'),
    });
    expect(await fixed('workspace')).toEqual([`Set the mode of ${home.file('groups/family')} to 0755.`]);
    expect(await docker('ps', '-aq', '--filter', `label=nanoclaw.doctor=${home.dir}`)).toBe('');
  });

  it.skipIf(!isRoot)('the same for a daemon that is somebody else, whose folder became root’s', async () => {
    home.settings.CONTAINER_IMAGE = TEST_IMAGE;
    home.registerAll([{ chatJid: '-1', name: 'Family', folder: 'family' }]);
    await new Promise((resolve) => execFile('chown', ['-R', '4242:4242', home.dir], resolve));
    expect((await doctor()).of('workspace')).toMatchObject({
      state: 'ok',
      seen: expect.stringContaining('as user 4242'),
    });
    chownSync(home.file('groups/family'), 0, 0);
    const found = await doctor();
    expect(found.of('workspace')).toMatchObject({
      state: 'fail',
      fix: expect.stringContaining('chown -R 4242:4242'),
    });
    expect(found.of('owners').state).toBe('fail');
    await fixed('owners');
    expect((await doctor()).of('workspace').state).toBe('ok');
  });

  it('what a killed drill left: its folder and its containers', async () => {
    const drill = home.file('.drill-aB3xYz');
    mkdirSync(drill);
    const db = createDb(databaseFile(path.join(drill, 'h')));
    const { instanceId } = db;
    db.close();
    const label = `nanoclaw.instance=${instanceId}`;
    await docker('create', '--label', label, '--network', 'none', TEST_IMAGE);
    utimesSync(drill, 0, 0);
    expect((await doctor()).of('leftovers').state).toBe('warn');
    expect(await fixed('leftovers')).toEqual(['Removed .drill-aB3xYz and its containers (1).']);
    expect(await docker('ps', '-aq', '--filter', `label=${label}`)).toBe('');
    expect(existsSync(drill)).toBe(false);
  });
});
