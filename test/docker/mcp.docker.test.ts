/** MCP servers with the real SDK in the real image: the model is offered their tools, its calls arrive, and pictures come back. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { TurnFile } from '../../src/protocol.ts';
import { docker, sessionOf, useClaudeAgent, whyNoAgentImage } from './agent-container.ts';

const unavailable = await whyNoAgentImage();
const SERVER = fileURLToPath(new URL('../support/mcp-server.mjs', import.meta.url));
const weather = (...args: string[]): NonNullable<TurnFile['mcp']>[number] => ({
  type: 'stdio',
  name: 'weather',
  command: 'node',
  args: ['server.mjs', ...args],
  env: {},
});

describe.skipIf(unavailable !== null)(
  `MCP servers in their container${unavailable ? ` (${unavailable})` : ''}`,
  () => {
    const { api, mailbox, start, turn } = useClaudeAgent();
    const offered = () =>
      ((api().main().at(-1)?.body.tools ?? []) as { name: string }[])
        .map(({ name }) => name)
        .filter((name) => name.startsWith('mcp__weather__'));
    const using = (name: string, input: Record<string, unknown> = {}) =>
      api().use((request) =>
        request.toolResults.length > 0
          ? `it said: ${request.toolResults[0]?.text}`
          : { content: [{ toolUse: { name, input } }] },
      );

    test('tools are offered, called, and gone with the server; the conversation goes on', async () => {
      copyFileSync(SERVER, join(mailbox().groupDir, 'server.mjs'));
      using('mcp__weather__echo', { text: 'hello' });
      start();
      const mcp = [weather()];
      const first = await turn('say hello', { mcp });
      expect(first.text).toBe('it said: echo: hello');
      expect(offered()).toEqual([
        'mcp__weather__die',
        'mcp__weather__echo',
        'mcp__weather__env',
        'mcp__weather__picture',
        'mcp__weather__wait',
      ]);
      expect(api().main()[0]?.raw).toContain('Ask &lt;me&gt; about rain.');

      using('mcp__weather__picture');
      const session = { session_id: sessionOf(first) };
      await turn('show it', { mcp, ...session });
      expect(api().main().at(-1)?.raw).toContain('"media_type":"image/png"');
      // Not by Claude Code, which would show it to whoever lists processes.
      const processes = await docker('exec', mailbox().container, 'ps', '-eo', 'args');
      expect(processes.split('\n').filter((line) => line.includes('server.mjs'))).toHaveLength(1);

      api().use(() => 'Nothing to say.');
      await turn('and now?', session);
      expect(offered()).toEqual([]);
      expect(api().main().at(-1)?.raw).toContain('say hello');
      expect(await docker('exec', mailbox().container, 'ps', '-eo', 'args')).not.toMatch(
        /server\.mjs|sleep 4711/,
      );
    });

    test('one that cannot start is named to the model and to the host, and the turn goes on', async () => {
      copyFileSync(SERVER, join(mailbox().groupDir, 'server.mjs'));
      api().use(() => 'I go on without it.');
      start();
      const { text, end } = await turn('hello', { mcp: [weather('crash')] });
      expect(text).toBe('I go on without it.');
      expect(end.mcp).toEqual([{ name: 'weather', problem: 'it ended with code 3: no such database' }]);
      expect(api().main()[0]?.raw).toContain('is not there (it ended with code 3: no such database)');
    });
  },
);
