/** The agent's tools over the mailbox, with the offline agent: each tells what truly became of its command. */
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AgentMailbox, AgentProcess, waitFor } from '../support/agent-mailbox.ts';

let mailbox: AgentMailbox;
let agent: AgentProcess;

beforeEach(() => {
  mailbox = new AgentMailbox();
  agent = new AgentProcess(mailbox);
});

afterEach(async () => {
  await agent.kill();
  mailbox.remove();
});

const ask = async (request: string, values: Parameters<AgentMailbox['turn']>[1] = {}) =>
  (await mailbox.finished(mailbox.turn(request, values))).text;

describe('commands', () => {
  test('the tool waits for the result and tells the truth', async () => {
    const turn = mailbox.turn('say **hello** to all');
    const command = await mailbox.command('messages');
    expect(command).toMatchObject({ type: 'send_message', text: '**hello** to all' });
    expect(mailbox.events(turn).some((event) => event.type === 'turn_finished')).toBe(false);
    mailbox.result(command.id, { ok: true, detail: 'Sent.' });
    expect((await mailbox.finished(turn)).text).toBe('Sent.');
  });

  test('ask_user leaves the question with its choices and says what came of it', async () => {
    const turn = mailbox.turn('ask us for 600 seconds: Tea or coffee? Tea, Coffee');
    const command = await mailbox.command('messages');
    expect(command).toMatchObject({
      type: 'ask_user',
      question: 'Tea or coffee?',
      choices: ['Tea', 'Coffee'],
      wait_s: 600,
    });
    mailbox.result(command.id, { ok: true, detail: 'Choice 1 of 2 was chosen: "Tea".' });
    expect((await mailbox.finished(turn)).text).toBe('Choice 1 of 2 was chosen: "Tea".');
  });

  test('ask_user is given up when somebody stops the turn', async () => {
    const turn = mailbox.turn('ask us: Tea or coffee? Tea, Coffee');
    await mailbox.command('messages');
    mailbox.interrupt(turn);
    expect((await mailbox.finished(turn)).end.status).toBe('interrupted');
  });

  test('a refusal reaches the chat with its reason', async () => {
    const turn = mailbox.turn('register -100777 as team named The Team', { is_main: true });
    const command = await mailbox.command('tasks');
    expect(command).toMatchObject({
      type: 'register_group',
      chat_jid: '-100777',
      folder: 'team',
      name: 'The Team',
    });
    mailbox.result(command.id, { ok: false, reason: 'the folder is taken' });
    expect((await mailbox.finished(turn)).text).toBe('refused: the folder is taken');
  });

  test('groups cannot be administered from an ordinary group', async () => {
    expect(await ask('refresh groups')).toContain('Only the main group');
    expect(mailbox.commands('tasks')).toEqual([]);
  });

  test('refresh_groups lists what the host wrote', async () => {
    const turn = mailbox.turn('refresh groups', { is_main: true });
    const command = await mailbox.command('tasks');
    const seen = {
      chat_jid: '-5',
      name: 'Friends',
      type: 'group',
      registered: false,
      folder: null,
      last_activity: null,
    };
    writeFileSync(
      join(mailbox.ipcDir, 'in/available_groups.json'),
      JSON.stringify({ written_at: new Date().toISOString(), chats: [seen] }),
    );
    mailbox.result(command.id, { ok: true, detail: '1 chat.' });
    expect((await mailbox.finished(turn)).text).toBe('1 chat.\n-5 Friends (group)');
  });

  test('a file is written and sent, but none outside the folder and none over another', async () => {
    writeFileSync(join(mailbox.root, 'secret'), 'x');
    symlinkSync(mailbox.root, join(mailbox.groupDir, 'link'));
    for (const path of ['../secret', '/etc/hostname', 'link/secret', '.']) {
      expect(await ask(`send file ${path}`)).toContain('not a file of this group');
    }
    writeFileSync(join(mailbox.groupDir, 'kept.txt'), 'kept');
    const turn = mailbox.turn('x', {
      requests: ['send file notes/a.txt with text Hello', 'send file kept.txt with text no'],
    });
    for (let count = 1; count <= 2; count++) {
      const commands = await waitFor(
        () => (mailbox.commands('messages').length === count ? mailbox.commands('messages') : undefined),
        5_000,
        () => `${count} commands`,
      );
      for (const command of commands)
        mailbox.result(command.id, { ok: true, detail: `Sent ${command.type}.` });
    }
    expect((await mailbox.finished(turn)).text).toContain('did not overwrite');
    expect(readFileSync(join(mailbox.groupDir, 'notes/a.txt'), 'utf8')).toBe('Hello\n');
    expect(readFileSync(join(mailbox.groupDir, 'kept.txt'), 'utf8')).toBe('kept');
  });
});
