/**
 * The browser in the image (CONTAINER_BROWSER=yes) with the real SDK: Claude opens a page through a proxy that wants the
 * container's password, reads it and presses its button; what it saves lies in the group's folder; nobody else is called.
 * Builds that image first, so it runs by `npm run test:browser` alone.
 */
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createOpenAiApi } from '../support/openai-api.ts';
import { useClaudeAgent, whyNoAgentImage } from './agent-container.ts';

const IMAGE = 'nanoclaw-browser-test:latest';
const unavailable = await whyNoAgentImage(IMAGE, { browser: true });
const PAGE = `<title>Tides</title><h1>High water at 14:20</h1>
  <button onclick="this.textContent='and low at 20:35'">More</button>`;

describe.skipIf(unavailable !== null)(`a browser${unavailable ? ` (${unavailable})` : ''}`, () => {
  const { api, mailbox, gateway, start, turn } = useClaudeAgent(IMAGE);

  test('reads a page through the proxy, presses, saves a picture, and calls nobody by itself', async () => {
    const password = `Basic ${Buffer.from('agent:a/b').toString('base64')}`;
    const hosts = new Set<string>();
    const proxy = createServer((request, response) => {
      hosts.add(URL.canParse(request.url ?? '') ? new URL(request.url ?? '').hostname : (request.url ?? ''));
      if (request.headers['proxy-authorization'] !== password)
        return void response.writeHead(407, { 'proxy-authenticate': 'Basic realm="test"' }).end();
      response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE);
    });
    proxy.on('connect', (request, socket) => {
      hosts.add(request.url ?? '');
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    });
    proxy.listen(0, gateway());
    await once(proxy, 'listening');
    const { port } = proxy.address() as AddressInfo;
    const use = (name: string, input: Record<string, unknown>) => ({
      content: [{ toolUse: { name: `mcp__browser__browser_${name}`, input } }],
    });
    const found: string[] = [];
    api().use((request) => {
      const result = request.toolResults.at(-1);
      if (result) found.push(result.text);
      if (found.length === 0) return use('navigate', { url: 'http://tides.example/' });
      if (found.length === 1) return use('snapshot', {});
      if (found.length === 2) {
        const ref = /button "More" \[ref=(\w+)\]/.exec(found[1] ?? '')?.[1] ?? 'none';
        return use('click', { element: 'More', ref, target: ref });
      }
      if (found.length === 3) return use('take_screenshot', { type: 'png' });
      return 'seen';
    });
    const address = `http://agent:a%2Fb@${gateway()}:${port}`;
    start(undefined, { HTTPS_PROXY: address, HTTP_PROXY: address, NO_PROXY: gateway() });
    const { end, text } = await turn('when is high water?');
    proxy.close();
    expect({ status: end.status, text, found }).toMatchObject({ status: 'ok', text: 'seen' });
    expect(found[1]).toContain('High water at 14:20');
    expect(found[2]).not.toMatch(/### Error/);
    expect([...hosts]).toEqual(['tides.example']);
    const saved = readdirSync(join(mailbox().groupDir, 'browser'));
    expect(saved.some((name) => name.endsWith('.png'))).toBe(true);
  });

  test('is there for a model of one’s own, too, under the same names', async () => {
    const chat = await createOpenAiApi({ key: 'token-of-this-container', host: gateway() });
    const found: string[] = [];
    chat.use(({ toolResults, body }) => {
      found.push(...toolResults);
      const names = body.tools?.map(({ function: { name } }) => name) ?? [];
      expect(names).toEqual(
        expect.arrayContaining(['mcp__browser__browser_navigate', 'Bash', 'send_message']),
      );
      const url = 'data:text/html,<title>Tides</title><h1>High water at 14:20</h1>';
      if (found.length === 0)
        return { text: 'I look.', calls: [{ name: 'mcp__browser__browser_navigate', input: { url } }] };
      if (found.length === 1)
        return { text: 'I read.', calls: [{ name: 'mcp__browser__browser_snapshot', input: {} }] };
      return 'seen';
    });
    start(undefined, {
      NANOCLAW_PROVIDER: 'openai',
      OPENAI_BASE_URL: chat.url,
      OPENAI_API_KEY: 'token-of-this-container',
      OPENAI_MODEL: 'scripted',
    });
    const { end, text } = await turn('when is high water?');
    await chat.close();
    expect({ status: end.status, text, refusals: chat.refusals }).toEqual({
      status: 'ok',
      text: 'seen',
      refusals: [],
    });
    expect(found[1]).toContain('High water at 14:20');
  });
});
