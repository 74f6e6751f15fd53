/**
 * Scheduled tasks with the real Claude Agent SDK in the real image: the model asks for one, is woken by one, in the
 * right conversation, and only when the gate script says so. Skipped by name without a Docker engine.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { systemText } from '../support/messages-api.ts';
import { sessionOf, TURN_LIMIT_MS, useClaudeAgent, whyNoAgentImage } from './agent-container.ts';

const unavailable = await whyNoAgentImage();

describe.skipIf(unavailable !== null)(
  `Claude and scheduled tasks${unavailable ? ` (${unavailable})` : ''}`,
  () => {
    const { api, claudes, mailbox, start, turn } = useClaudeAgent();
    const task = (prompt: string, values: Parameters<typeof turn>[1] = {}) =>
      turn(prompt, { kind: 'task', prompt: `<scheduled_task>${prompt}</scheduled_task>`, ...values });

    test.each([
      [false, { ok: true, detail: 'Scheduled as t2k4m9: cron 0 9 * * 1-5, next run …' } as const],
      [true, { ok: false, reason: 'expected five fields' } as const],
    ])('schedule_task tells the model the truth (main: %s)', async (is_main, answer) => {
      const input = {
        prompt: 'Send an overview.',
        schedule_type: 'cron',
        schedule_value: '0 9 * * 1-5',
        context_mode: 'isolated',
        ...(is_main ? { chat_jid: '-100777' } : {}),
      };
      api().use((request) => {
        const [result] = request.toolResults;
        if (result) return `${result.isError ? 'failed' : 'done'}: ${result.text}`;
        return { content: [{ toolUse: { name: 'mcp__nanoclaw__schedule_task', input } }] };
      });
      start();
      const asking = mailbox().turn('an overview every weekday at 9', { is_main });
      const command = await mailbox().command('tasks', TURN_LIMIT_MS);
      expect(command).toEqual({ ...input, id: command.id, type: 'schedule_task' });
      mailbox().result(command.id, answer);
      const { text } = await mailbox().finished(asking, TURN_LIMIT_MS);
      expect(text).toBe(answer.ok ? `done: ${answer.detail}` : `failed: refused: ${answer.reason}`);

      const [request] = api().main();
      if (!request) throw new Error('no request');
      const offered = request.body.tools?.find((tool) => tool.name === 'mcp__nanoclaw__schedule_task');
      expect(JSON.stringify(offered).includes('chat_jid')).toBe(is_main);
      expect(request.body.tools?.map((tool) => tool.name)).toEqual(
        expect.arrayContaining(
          ['list', 'preview', 'pause', 'resume', 'cancel', 'update', 'run'].map((verb) =>
            expect.stringMatching(new RegExp(`^mcp__nanoclaw__${verb}_tasks?$`)),
          ),
        ),
      );
      expect(systemText(request)).toContain('schedule_task');
    });

    test('an isolated task has a conversation of its own; then the old one goes on', async () => {
      api().use((request) => `answer ${request.main}`);
      start();
      const session_id = sessionOf(await turn('The code word is heron.'));

      const isolated = await task('Look around.', { session_id: null });
      expect(isolated.text).toBe('answer 2');
      expect(sessionOf(isolated)).not.toBe(session_id);
      expect(api().main()[1]?.raw).not.toContain('heron');

      const resumed = await turn('And now?', { session_id });
      expect(resumed.text).toBe('answer 3');
      expect(resumed.events.some((event) => event.type === 'session')).toBe(false);
      expect(api().main()[2]?.raw).toContain('heron');
      expect(api().main()[2]?.raw).not.toContain('Look around.');

      // A task of the group's conversation joins it, in the process that is warm.
      const process = await claudes();
      const joined = await task('Remind them.', { session_id });
      expect(process).toHaveLength(1);
      expect(await claudes()).toEqual(process);
      expect(joined.events.some((event) => event.type === 'session')).toBe(false);
      expect(api().main()[3]?.raw).toContain('heron');
    });

    test('may end with nothing to say', async () => {
      api().use(() => '<internal>nothing to say</internal>');
      start();
      const { end, events } = await task('Tell us when it rains.');
      expect(end.status).toBe('ok');
      expect(events.some((event) => event.type === 'text')).toBe(false);
    });

    test('a script may be all of a task: its output is the reply, and no model is asked', async () => {
      api().use(() => 'asked all the same');
      start();
      const script = 'echo "it is $(TZ=UTC date -d @0 +%H:%M), in $(pwd)"';
      const alone = await task('', { gate_script: script, script_only: true });
      expect(alone.text).toBe('it is 00:00, in /workspace/group');
      expect(alone.end).toMatchObject({ status: 'ok', scripted: true });
      expect(api().requests).toEqual([]);
    });

    test('the gate script decides whether Claude is asked, and knows no credential', async () => {
      api().use((request) => (request.userText.includes('<gate_data>') ? 'seen' : 'not seen'));
      start();
      const quiet = `env | cut -d= -f1 > names; pwd >> names; echo '{"wakeAgent": false}'`;
      expect((await task('Look.', { gate_script: quiet })).end).toMatchObject({ status: 'ok', gated: true });
      expect(api().requests).toEqual([]);
      const names = readFileSync(join(mailbox().groupDir, 'names'), 'utf8').split('\n');
      expect(names).toEqual(expect.arrayContaining(['PATH', 'HOME', 'TZ', 'LANG', '/workspace/group']));
      expect(names.filter((name) => /ANTHROPIC|TOKEN|NANOCLAW/.test(name))).toEqual([]);

      const wake = `echo '{"wakeAgent": true, "data": {"mails": 3}}'`;
      expect((await task('Look.', { gate_script: wake })).text).toBe('seen');
      expect(api().main()[0]?.userText).toContain('<gate_data>{"mails":3}</gate_data>');
      expect((await task('Look.', { gate_script: 'exit 7' })).end).toMatchObject({
        status: 'error',
        error: { code: 'gate', message: 'the script ended with exit code 7' },
      });
    });
  },
);
