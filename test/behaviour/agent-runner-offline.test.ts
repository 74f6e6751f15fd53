/** The agent runner as the real process, with the offline agent: what it does with each file of the mailbox. */
import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EXIT_WORKSPACE_UNWRITABLE } from '../../src/protocol/environment.ts';
import { PROTOCOL_VERSION } from '../../src/protocol.ts';
import { AgentMailbox, AgentProcess } from '../support/agent-mailbox.ts';

let mailbox: AgentMailbox;
const agents: Agent[] = [];

beforeEach(() => {
  mailbox = new AgentMailbox();
});

afterEach(async () => {
  for (const agent of agents.splice(0)) await agent.kill();
  mailbox.remove();
});

class Agent extends AgentProcess {
  constructor(variables: Record<string, string> = {}, uid?: number) {
    super(mailbox, variables, uid === undefined ? {} : { uid });
    agents.push(this);
  }
}

const ask = async (request: string, values: Parameters<AgentMailbox['turn']>[1] = {}) =>
  (await mailbox.finished(mailbox.turn(request, values))).text;

describe('a turn', () => {
  test('is answered by events without a gap, also one that was there before the agent', async () => {
    const early = mailbox.turn('Good morning');
    new Agent();
    const { end, text, events } = await mailbox.finished(early);
    expect(events.map((event) => event.type)).toEqual(
      expect.arrayContaining(['turn_started', 'session', 'text', 'turn_finished']),
    );
    expect(events[0]?.type).toBe('turn_started');
    expect(events.at(-1)?.type).toBe('turn_finished');
    expect(end).toMatchObject({ status: 'ok', usage: { input_tokens: 0, output_tokens: 0, cost_usd: 0 } });
    expect(text).toContain('offline agent');
    expect(text).toContain('“Good morning”');
    expect(mailbox.staged()).toEqual([]);
  });

  test('is found by a file event long before the sweep', async () => {
    await new Agent().ready();
    const startedAt = performance.now();
    await ask('one');
    await ask('two');
    expect(performance.now() - startedAt).toBeLessThan(30_000);
  });

  test('is found by the sweep where file events do not come', async () => {
    rmSync(join(mailbox.ipcDir, 'in/turns'), { recursive: true });
    await new Agent({ NANOCLAW_SWEEP_MS: '100' }).ready();
    mkdirSync(join(mailbox.ipcDir, 'in/turns'));
    expect(await ask('there')).toContain('“there”');
  });

  test('for another container is left alone, and so is what is no turn', async () => {
    const agent = new Agent({ NANOCLAW_SWEEP_MS: '50' });
    await agent.ready();
    const other = mailbox.turn('not mine', { container: 'nanoclaw-test-other' });
    mailbox.put('turns', `${randomUUID()}.json`, 'no json {');
    mailbox.put('turns', `${randomUUID()}.json`, { container: mailbox.container });
    mailbox.put('control', '900.json', 'no json');
    mailbox.interrupt(other, 'nanoclaw-test-other');
    mailbox.closeAgent('nanoclaw-test-other');
    expect(await ask('mine')).toContain('“mine”');
    expect(mailbox.events(other)).toEqual([]);
  });

  test('runs once, though its file stays, and turns run in order of arrival', async () => {
    const first = mailbox.turn('slow 0.3');
    utimesSync(join(mailbox.ipcDir, 'in/turns', `${first}.json`), 1, 1);
    const second = mailbox.turn('second');
    await new Agent({ NANOCLAW_SWEEP_MS: '50' }).ready();
    await mailbox.finished(second);
    expect(mailbox.events(first).at(-1)?.type).toBe('turn_finished');
    const count = mailbox.events(second).length;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(mailbox.events(second)).toHaveLength(count);
  });

  test('of a newer protocol is reported as failed instead of left hanging', async () => {
    new Agent();
    const turn = mailbox.turn('x', { attempt: 0 });
    expect((await mailbox.finished(turn)).end).toMatchObject({ status: 'error', error: { code: 'agent' } });
  });

  test('that fails says why', async () => {
    new Agent();
    const { end, text } = await mailbox.finished(mailbox.turn('fail'));
    expect(end).toMatchObject({
      status: 'error',
      error: { code: 'agent', message: 'failed because I was asked to' },
    });
    expect(text).toBe('');
  });

  test('shows signs of life while it works, at most one every two seconds', async () => {
    new Agent();
    const { events } = await mailbox.finished(mailbox.turn('slow 2.5'));
    const progress = events.flatMap((event) => (event.type === 'progress' ? [event.activity] : []));
    expect(progress).toEqual(['thinking', 'working slowly']);
  });
});

describe('control', () => {
  test('interrupt ends the running turn and no other', async () => {
    new Agent();
    const turn = mailbox.turn('slow 60');
    const next = mailbox.turn('after it');
    await mailbox.event(turn, 'turn_started');
    mailbox.interrupt(turn);
    expect((await mailbox.finished(turn)).end.status).toBe('interrupted');
    expect((await mailbox.finished(next)).end.status).toBe('ok');
  });

  test('interrupt holds for a turn that waits, or has not even been seen', async () => {
    await new Agent().ready();
    const id = randomUUID();
    mailbox.interrupt(id);
    await ask('let the file be read');
    mailbox.turn('too late', { id });
    const { end, events } = await mailbox.finished(id);
    expect(end.status).toBe('interrupted');
    expect(events).toHaveLength(2);
  });

  test('close ends an idle agent; a turn put in just before is still run', async () => {
    const agent = new Agent();
    await agent.ready();
    const turn = mailbox.turn('slow 0.3');
    mailbox.closeAgent();
    expect(await agent.exited).toBe(0);
    expect(mailbox.events(turn).at(-1)).toMatchObject({ type: 'turn_finished', status: 'ok' });
  });

  test('an agent without turns ends by itself, but not while it works', async () => {
    const agent = new Agent({ NANOCLAW_IDLE_EXIT_MS: '1000' });
    const turn = mailbox.turn('slow 1.5');
    expect((await mailbox.finished(turn)).end.status).toBe('ok');
    const startedAt = performance.now();
    expect(await agent.exited).toBe(0);
    expect(performance.now() - startedAt).toBeGreaterThan(800);
  });
});

describe('the end', () => {
  test('SIGTERM in the middle of a turn: exit 0 quickly, nothing half-written', async () => {
    const agent = new Agent();
    const turn = mailbox.turn('slow 60');
    await mailbox.event(turn, 'turn_started');
    const startedAt = performance.now();
    agent.process.kill('SIGTERM');
    expect(await agent.exited).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(30_000);
    expect(mailbox.staged()).toEqual([]);
    expect(mailbox.events(turn).some((event) => event.type === 'turn_finished')).toBe(false);
  });

  test.skipIf(process.getuid?.() !== 0)(
    'an unwritable folder: exit 70 and a sentence with path and uid',
    async () => {
      chmodSync(mailbox.root, 0o755);
      const agent = new Agent({}, 12345);
      expect(await agent.exited).toBe(EXIT_WORKSPACE_UNWRITABLE);
      expect(agent.stderr).toContain(mailbox.groupDir);
      expect(agent.stderr).toContain('uid 12345');
    },
  );

  test('a missing setting and a foreign protocol are named', async () => {
    const missing = new Agent({ NANOCLAW_IPC_DIR: '' });
    expect(await missing.exited).toBe(1);
    expect(missing.stderr).toContain('NANOCLAW_IPC_DIR');
    const foreign = new Agent({ NANOCLAW_PROTOCOL: '99' });
    expect(await foreign.exited).toBe(1);
    expect(foreign.stderr).toContain('protocol 99');
  });
});

describe('what it keeps', () => {
  test('a session survives the process; a lost one is begun anew and said so', async () => {
    const first = new Agent();
    const opening = await mailbox.finished(mailbox.turn('my name is Ann'));
    const session = opening.events.find((event) => event.type === 'session');
    expect(session).toMatchObject({ fresh: false });
    const sessionId = session?.type === 'session' ? session.session_id : '';
    await first.kill();

    new Agent();
    const resumed = await mailbox.finished(mailbox.turn('what did I say before?', { session_id: sessionId }));
    expect(resumed.text).toContain('my name is Ann');
    expect(resumed.events.some((event) => event.type === 'session')).toBe(false);

    const lost = await mailbox.finished(mailbox.turn('hello', { session_id: '../../etc/passwd' }));
    expect(lost.events.find((event) => event.type === 'session')).toMatchObject({ fresh: true });
  });

  test('facts go to MEMORY.md and come back, once each; so do those that an earlier version kept in CLAUDE.md', async () => {
    writeFileSync(
      join(mailbox.groupDir, 'CLAUDE.md'),
      '# Rules\n\nBe kind.\n\n## Remembered\n- it began here\n',
    );
    new Agent();
    await ask('Remember that the bins go out\non Tuesday');
    await ask('remember: tea, not coffee');
    await ask('remember: tea, not coffee');
    expect(await ask('what do you remember?')).toBe(
      'I remember:\n- it began here\n- the bins go out on Tuesday\n- tea, not coffee',
    );
    const file = readFileSync(join(mailbox.groupDir, 'MEMORY.md'), 'utf8');
    expect(file).toBe('# Memory\n\n- the bins go out on Tuesday\n- tea, not coffee\n');
    expect(await ask('When do the bins go out?')).toBe('I remember:\n- the bins go out on Tuesday');
    expect(await ask('What is the weather like?')).toContain('cannot think');
  });

  test('MEMORY.md that is a link is not followed', async () => {
    writeFileSync(join(mailbox.root, 'other'), '- of another group\n');
    symlinkSync(join(mailbox.root, 'elsewhere'), join(mailbox.groupDir, 'MEMORY.md'));
    symlinkSync(mailbox.root, join(mailbox.groupDir, 'memory'));
    new Agent();
    expect(await ask('remember that links are bad')).toContain('could not write');
    expect(await ask('note that links are bad')).toContain('could not write');
    expect(existsSync(join(mailbox.root, 'elsewhere'))).toBe(false);
    rmSync(join(mailbox.groupDir, 'MEMORY.md'));
    symlinkSync(join(mailbox.root, 'other'), join(mailbox.groupDir, 'MEMORY.md'));
    expect(await ask('what do you remember?')).toBe('I remember nothing yet.');
  });

  test('it says what it is and lists what it can', async () => {
    writeFileSync(join(mailbox.groupDir, 'b.txt'), '');
    mkdirSync(join(mailbox.groupDir, 'a'));
    new Agent();
    expect(await ask('HELLO!')).toContain('no model behind me');
    expect(await ask('/ping')).toBe('pong');
    expect(await ask('list files')).toBe('Files:\n- a/\n- b.txt');
  });
});

test('the image says which protocol it speaks', () => {
  const dockerfile = readFileSync(new URL('../../container/Dockerfile', import.meta.url), 'utf8');
  expect(dockerfile).toContain(`LABEL nanoclaw.protocol="${PROTOCOL_VERSION}"`);
});
