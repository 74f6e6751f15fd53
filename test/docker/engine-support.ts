/**
 * For tests with a real engine: finds it, makes one small image whose agent is the group's own `run.sh`, and a home
 * with groups. Without an engine the tests are skipped by name; with NANOCLAW_REQUIRE_DOCKER=1 they fail instead.
 */
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import { Engine } from '../../src/docker/engine.ts';
import { buildImage, findImage } from '../../src/docker/engine-images.ts';
import { messageOf } from '../../src/errors.ts';
import type { AgentLaunch } from '../../src/runtime/agent-runtime.ts';
import type { Folder } from '../../src/types.ts';

const BASES = ['nanoclaw-agent:latest', 'nanoclaw-base:offline', 'node:24-bookworm-slim'];
export const TEST_IMAGE = 'nanoclaw-test-agent:latest';

export function testEngine(): Engine {
  return new Engine({
    dockerHost: process.env.DOCKER_HOST,
    certPath: process.env.DOCKER_CERT_PATH,
    runtimeDir: process.env.XDG_RUNTIME_DIR,
    homeDir: homedir(),
  });
}

/** Why these tests cannot run here, or null. Throws instead when an engine is required. */
export async function whyNoDocker(): Promise<string | null> {
  const engine = testEngine();
  try {
    await engine.ping();
    const found = await Promise.all(BASES.map((base) => findImage(engine, base)));
    const base = BASES.find((_, index) => found[index]);
    if (!base)
      throw new Error(
        `none of the images ${BASES.join(', ')} is here (scripts/offline-base-image.sh makes one)`,
      );
    await makeTestImage(engine, base);
    return null;
  } catch (error) {
    if (process.env.NANOCLAW_REQUIRE_DOCKER === '1') throw error;
    return messageOf(error);
  } finally {
    engine.close();
  }
}

async function makeTestImage(engine: Engine, base: string): Promise<void> {
  const tar = pack();
  const dockerfile = `FROM ${base}\nENTRYPOINT ["/bin/sh", "/workspace/group/run.sh"]\nCMD []\n`;
  tar.entry({ name: 'Dockerfile' }, dockerfile);
  tar.finalize();
  const options = {
    tag: TEST_IMAGE,
    dockerfile: 'Dockerfile',
    buildArgs: {},
    labels: { 'nanoclaw.test': '1' },
  };
  await buildImage(engine, Readable.from(tar), options, () => {});
}

/** A home on disk with the folders of its groups, removed by `dispose`. */
export class TestHome {
  readonly instanceId = randomUUID();
  #dir = '';

  /** Made at the first use, so that skipped tests leave nothing behind. */
  get dir(): string {
    if (this.#dir) return this.#dir;
    this.#dir = mkdtempSync(join(tmpdir(), 'nanoclaw-docker-'));
    chmodSync(this.#dir, 0o755);
    for (const folder of ['data/run', 'groups/global'])
      mkdirSync(join(this.#dir, folder), { recursive: true });
    writeFileSync(join(this.#dir, 'groups/global/CLAUDE.md'), 'shared\n');
    return this.#dir;
  }

  /** A launch whose agent is `script`. */
  launch(folder: string, script: string, more: Partial<AgentLaunch> = {}): AgentLaunch {
    const groupDir = join(this.dir, 'groups', folder);
    mkdirSync(groupDir, { recursive: true });
    writeFileSync(join(groupDir, 'run.sh'), script);
    return {
      name: `nanoclaw-${folder}-${randomUUID().slice(0, 8)}`,
      folder: folder as Folder,
      isMain: false,
      provider: 'offline',
      groupDir,
      globalDir: join(this.dir, 'groups/global'),
      mailboxDir: join(this.dir, 'data/ipc', folder),
      homeDir: join(this.dir, 'data/sessions', folder),
      projectDir: null,
      extraMounts: [],
      token: null,
      modelUrl: null,
      timezone: 'Europe/Berlin',
      ...more,
    };
  }

  dispose(): void {
    if (this.#dir) rmSync(this.#dir, { recursive: true, force: true });
  }
}
