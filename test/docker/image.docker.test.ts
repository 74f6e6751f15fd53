/** ensureImage against a real engine, with a project whose image is a few files on the base image. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import { afterAll, describe, expect, it } from 'vitest';
import { buildImage, findImage, removeImage } from '../../src/docker/engine-images.ts';
import { ensureImage } from '../../src/docker/image.ts';
import { TEST_IMAGE, testEngine, whyNoDocker } from './engine-support.ts';

const whyNot = await whyNoDocker();

describe.skipIf(whyNot)(`agent image${whyNot ? ` (skipped: ${whyNot})` : ''}`, () => {
  const engine = testEngine();
  const root = mkdtempSync(join(tmpdir(), 'nanoclaw-image-'));
  const image = `nanoclaw-test-${randomUUID().slice(0, 8)}:latest`;
  const lines: string[] = [];
  const put = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  const ensure = () =>
    ensureImage(engine, {
      image,
      projectRoot: root,
      baseImage: TEST_IMAGE,
      onProgress: (line) => lines.push(line),
    });
  afterAll(async () => {
    await removeImage(engine, image).catch(() => {});
    engine.close();
    rmSync(root, { recursive: true, force: true });
  });

  it('is built when missing, kept while its sources stay, built anew when they change', async () => {
    put(
      'container/Dockerfile',
      'ARG BASE_IMAGE\nFROM $BASE_IMAGE\nARG SOURCE_HASH\nCOPY src/protocol.ts /protocol.ts\n',
    );
    put('src/protocol.ts', 'one');
    const first = await ensure();
    expect(first.state).toBe('built');
    expect(lines).toContainEqual(expect.stringMatching(/^step 4\/\d+ COPY /));
    expect((await findImage(engine, image))?.Config.Labels).toMatchObject({
      'nanoclaw.source': expect.stringMatching(/^[0-9a-f]{64}$/),
      'nanoclaw.protocol': '1',
    });
    expect(await ensure()).toEqual({ id: first.id, state: 'reused', warning: null });

    put('src/protocol.ts', 'two');
    const second = await ensure();
    expect([second.state, second.id === first.id]).toEqual(['built', false]);
    // The replaced one does not stay behind.
    expect(await findImage(engine, first.id)).toBeNull();
  });

  it('serves on when a newer one cannot be built, and says so', async () => {
    put('container/Dockerfile', 'ARG BASE_IMAGE\nFROM $BASE_IMAGE\nRUN echo the reason is here; exit 9\n');
    const outdated = await ensure();
    expect(outdated).toMatchObject({
      state: 'outdated',
      warning: expect.stringContaining('the reason is here'),
    });
  });

  it('fails with the end of the build and a fix when there is none to fall back on', async () => {
    await removeImage(engine, image);
    await expect(ensure()).rejects.toMatchObject({
      code: 'IMAGE_BUILD_FAILED',
      message: expect.stringContaining('the reason is here'),
      fix: expect.any(String),
    });
  });

  it('explains an operator’s own image that was made for another version, and does not use it', async () => {
    const own = `nanoclaw-own-${randomUUID().slice(0, 8)}:latest`;
    const tar = pack();
    tar.entry({ name: 'Dockerfile' }, `FROM ${TEST_IMAGE}\n`);
    tar.finalize();
    const build = {
      tag: own,
      dockerfile: 'Dockerfile',
      buildArgs: {},
      labels: { 'nanoclaw.protocol': '99' },
    };
    await buildImage(engine, Readable.from(tar), build, () => {});
    try {
      await expect(ensureImage(engine, { image: own, projectRoot: root })).rejects.toMatchObject({
        code: 'IMAGE_MISMATCH',
        message: expect.stringMatching(/speaks protocol 99, this NanoClaw speaks 1/),
        fix: expect.stringContaining('CONTAINER_IMAGE'),
      });
    } finally {
      await removeImage(engine, own);
    }
  });

  it('uses an operator’s own image as it is, and reports one that is nowhere', async () => {
    const own = await ensureImage(engine, { image: TEST_IMAGE, projectRoot: root });
    expect(own).toMatchObject({ state: 'foreign', warning: null });
    const nowhere = ensureImage(engine, { image: 'registry.invalid/agent:1', projectRoot: root });
    await expect(nowhere).rejects.toMatchObject({
      code: 'IMAGE_MISSING',
      fix: expect.stringContaining('CONTAINER_IMAGE'),
    });
  });
});
