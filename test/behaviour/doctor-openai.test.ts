/** What `doctor` and `setup` say of a server of chat completions: the right one, a wrong key, another model, no such server. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openAiFinding } from '../../src/commands/doctor/look-model.ts';
import { doctorWith, patient } from '../support/doctor.ts';
import { createOpenAiApi, type OpenAiApi } from '../support/openai-api.ts';

let api: OpenAiApi;
beforeEach(async () => {
  api = await createOpenAiApi({ key: 'sk-made-up' });
});
afterEach(() => api.close());

const found = (changes: { baseUrl?: string; key?: string | null; model?: string } = {}) =>
  openAiFinding({
    baseUrl: api.url,
    key: 'sk-made-up',
    model: 'scripted',
    contextTokens: 8192,
    prices: { models: {}, others: null },
    ...changes,
  });

test('the server is asked for its models: key, model and address are told apart', async () => {
  expect(await found()).toEqual({
    id: 'model',
    state: 'ok',
    seen: `The model server at ${api.url} has the model “scripted”.`,
  });
  expect(await found({ key: 'wrong' })).toMatchObject({
    state: 'fail',
    seen: expect.stringContaining('refuses OPENAI_API_KEY (401)'),
  });
  expect(await found({ key: null })).toMatchObject({
    state: 'fail',
    fix: expect.stringContaining('Set OPENAI_API_KEY'),
  });
  expect(await found({ model: 'other' })).toMatchObject({
    state: 'warn',
    seen: expect.stringContaining('does not list the model “other”; it has scripted.'),
  });
  expect(await found({ baseUrl: api.url.replace(/\/v1$/, '') })).toMatchObject({
    state: 'fail',
    fix: expect.stringContaining('with its /v1'),
  });
  expect(JSON.stringify(await found({ key: 'sk-never-shown' }))).not.toContain('sk-never-shown');
});

test('a server that is away, and one that is something else', async () => {
  const other = createServer((_, response) => response.end('<html>hello</html>'));
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const baseUrl = `http://127.0.0.1:${(other.address() as AddressInfo).port}/v1`;
  expect(await found({ baseUrl })).toMatchObject({
    state: 'warn',
    seen: expect.stringContaining('no list of models'),
  });
  other.closeAllConnections();
  await new Promise((resolve) => other.close(resolve));
  expect(await found({ baseUrl })).toMatchObject({
    state: 'fail',
    seen: expect.stringContaining('cannot be reached: ECONNREFUSED'),
  });
});

test('the doctor takes it from the settings', async () => {
  const home = patient({ CONTAINER_RUNTIME: 'docker', DOCKER_HOST: 'unix:///nonexistent/docker.sock' });
  try {
    const settings = { AGENT_PROVIDER: 'openai', OPENAI_BASE_URL: api.url, OPENAI_API_KEY: 'sk-made-up' };
    expect((await doctorWith(home, { ...settings, OPENAI_MODEL: 'scripted' })).of('model').state).toBe('ok');
    expect((await doctorWith(home, { ...settings, OPENAI_MODEL: 'gone' })).of('model').state).toBe('warn');
  } finally {
    await home.dispose();
  }
});
