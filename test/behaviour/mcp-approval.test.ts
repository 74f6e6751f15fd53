/**
 * A group's mcp.json and who says what counts of it: the whole daemon, with agents that do what the test says. What is written there
 * waits; main is shown exactly it; what is pressed counts for what was shown, for that group, and for nothing else.
 */
import { symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { MOST_ASKED } from '../../src/container-runner/mcp-gate.ts';
import type { Group } from '../../src/types.ts';
import { InnerDaemon } from '../support/inner-daemon.ts';

const DAY_MS = 86_400_000;

let daemon: InnerDaemon;
let main: Group;
let family: Group;
let presses: number;

beforeEach(async () => {
  daemon = new InnerDaemon();
  daemon.agent.runtime = { ...daemon.agent.runtime, name: 'docker' };
  main = daemon.register('main', { isMain: true });
  family = daemon.register('family');
  presses = 0;
  await daemon.start();
});

const file = (group: Group) => path.join(daemon.home, 'groups', group.folder, 'mcp.json');
const write = (servers: Record<string, unknown>, group = family) =>
  writeFileSync(file(group), JSON.stringify({ mcpServers: servers }));
const weather = { command: 'npx', args: ['-y', 'weather-mcp'] };
const asStdio = (name: string, { command, args }: typeof weather) => ({
  type: 'stdio',
  name,
  command,
  args,
  env: {},
});

/** What the agent of the group was given with its next turn. */
async function given(group = family): Promise<unknown> {
  const before = daemon.agent.turns.length;
  await daemon.say(group, '@Nina hello');
  await daemon.until(
    () => daemon.agent.turns.length > before && daemon.db.turns.openOf(group.chatJid).length === 0,
  );
  return daemon.agent.turns.at(-1)?.mcp;
}
const questions = () =>
  daemon.telegram.arrived.filter((sent) => sent.chatJid === main.chatJid && sent.keyboard !== undefined);
const asked = (count: number) => daemon.until(() => questions().length >= count);

/** Presses a button of a question; returns what main's message says afterwards. */
async function press(
  label: string,
  which = questions().length - 1,
  chat = main,
  from = 1001,
): Promise<string | undefined> {
  const question = questions()[which];
  const button = question?.keyboard?.inline_keyboard.flat().find(({ text }) => text === label);
  if (!button || !('callback_data' in button))
    throw new Error(`no button "${label}" in ${JSON.stringify(question)}`);
  presses += 1;
  await daemon.happens({
    callback_query: {
      id: `press-${presses}`,
      from: { id: from, is_bot: false, first_name: 'Anna' },
      chat_instance: 'x',
      data: button.callback_data,
      message: { message_id: 1, date: 0, chat: { id: Number(chat.chatJid), type: 'group' } },
    },
  });
  return daemon.db.sqlite
    .prepare<[string], string>('SELECT answer FROM questions WHERE id = ?')
    .pluck()
    .get(String(button.callback_data).split('.')[0] ?? '');
}
const audit = () =>
  daemon.db.audit.list({ group: family.folder, limit: 50 }).filter(({ action }) => action === 'mcp_server');
async function answer(group: Group, text: string): Promise<string> {
  const before = daemon.told(group).length;
  await daemon.say(group, text);
  await daemon.until(() => daemon.told(group).length > before);
  return daemon.told(group).at(-1) ?? '';
}

describe('what an agent writes into mcp.json', () => {
  it('gives it nothing; main is shown exactly it, and after the press it counts from the next message on', async () => {
    daemon.agent.answer = () => {
      write({ weather });
      return { text: 'done' };
    };
    expect(await given()).toBeUndefined();
    await asked(1);
    expect(questions()[0]?.text).toContain(
      'In “family” (family), mcp.json names an MCP server that nobody has approved yet.',
    );
    expect(questions()[0]?.text).toContain('"command": "npx",\n  "args": [\n   "-y",\n   "weather-mcp"\n  ]');
    expect(await given()).toBeUndefined();
    expect(await answer(family, '/mcp')).toContain(
      'weather – npx -y weather-mcp (waits for approval in main)',
    );
    expect(await press('Approve')).toBe(
      'Approved: weather in family, exactly as it was shown. It counts from the next message there.',
    );
    expect(await given()).toEqual([asStdio('weather', weather)]);
    expect(questions()).toHaveLength(1);
    expect(audit().map(({ actor, outcome, detail }) => [actor, outcome, detail])).toEqual([
      [
        'telegram:1001',
        'done',
        expect.stringMatching(/^approved: weather \([0-9a-f]{12}\) npx -y weather-mcp$/),
      ],
    ]);
  });

  it('is not approved when it changed between showing and pressing; what is there now is asked anew', async () => {
    write({ weather });
    await given();
    await asked(1);
    write({ weather: { ...weather, args: ['-y', 'evil-mcp'] } });
    expect(await press('Approve')).toContain('is not what was shown; nothing was decided');
    expect(await given()).toBeUndefined();
    await asked(2);
    expect(questions()[1]?.text).toContain('evil-mcp');
    expect(daemon.db.mcp.decisions('family')).toEqual([]);
    // Nor is the new one by pressing the old button once more.
    expect(await press('Approve', 0)).toContain('nothing was decided');
    expect(daemon.db.mcp.decisions('family')).toEqual([]);
  });

  it.each<[string, unknown]>([
    ['an argument more', { ...weather, args: ['-y', 'weather-mcp', ''] }],
    ['a character that looks the same', { ...weather, args: ['-y', 'we\u0430ther-mcp'] }],
    ['one that nobody sees', { ...weather, args: ['-y', 'weather-mcp\u200b'] }],
    ['a variable', { ...weather, env: { A: '' } }],
    ['another kind', { type: 'http', url: 'https://a.example/mcp' }],
  ])('waits again with %s', async (_, changed) => {
    write({ weather });
    await given();
    await asked(1);
    await press('Approve');
    expect(await given()).toHaveLength(1);
    write({ weather: changed });
    expect(await given()).toBeUndefined();
    await asked(2);
    expect(questions()[1]?.text).toMatch(/^[\x20-\x7e\n“”…’]*$/);
    // Spaces and order of keys are none of it.
    writeFileSync(
      file(family),
      `\uFEFF{ "mcpServers" : { "weather": {"args":["-y",   "weather-mcp"], "command":"npx"}}}`,
    );
    expect(await given()).toEqual([asStdio('weather', weather)]);
  });

  it('is approved for its own group alone, and so is main’s own', async () => {
    write({ weather });
    await given();
    await asked(1);
    await press('Approve');
    const other = daemon.register('other');
    daemon.poke();
    write({ weather }, other);
    write({ weather }, main);
    expect(await given(other)).toBeUndefined();
    expect(await given(main)).toBeUndefined();
    await asked(3);
    expect(questions().map(({ text }) => /^In “(\w+)”/.exec(text)?.[1])).toEqual(['family', 'other', 'main']);
  });

  it('is forgotten with its group: another that gets the folder waits again', async () => {
    write({ weather });
    await given();
    await asked(1);
    await press('Approve');
    await answer(main, '/unregister family');
    expect(daemon.db.mcp.decisions('family')).toEqual([]);
  });

  it('is not asked about again once refused, and can be shown and approved later', async () => {
    write({ weather });
    await given();
    await asked(1);
    expect(await press('Refuse')).toBe('Refused: weather in family. I do not ask about this one again.');
    expect(await given()).toBeUndefined();
    expect(questions()).toHaveLength(1);
    expect(await answer(main, '/mcp family')).toContain('weather – npx -y weather-mcp (refused)');
    await daemon.say(main, '/mcp approve family weather');
    await asked(2);
    await press('Approve');
    expect(await given()).toHaveLength(1);
    expect(await answer(main, '/mcp remove family weather')).toBe(
      'weather in family is not approved any more.',
    );
    expect(await given()).toBeUndefined();
    expect(questions()).toHaveLength(2);
    expect(await answer(main, '/mcp remove family weather')).toContain('no MCP server “weather” is approved');
    expect(audit().map(({ detail }) => detail?.split(/[ (]/)[0])).toEqual([
      'withdrawn:',
      'approved:',
      'refused:',
    ]);
  });

  it('asks main once at a time about a server, and so often a day at most, however often it is rewritten', async () => {
    for (let n = 0; n < 3; n += 1) {
      write({ weather: { ...weather, args: [`v${n}`] } });
      await given();
    }
    await asked(1);
    expect(questions()).toHaveLength(1);
    for (let n = 0; n < MOST_ASKED + 3; n += 1) {
      write({ [`s${n}`]: weather });
      await given();
    }
    await asked(MOST_ASKED);
    expect(questions()).toHaveLength(MOST_ASKED);
    expect(daemon.told(main).filter((text) => text.includes('ask no more until tomorrow'))).toHaveLength(1);
    expect(await answer(main, '/mcp family')).toContain(`s${MOST_ASKED + 2} – npx -y weather-mcp (waits`);
    daemon.clock.jump(DAY_MS + 1000);
    write({ tomorrow: weather });
    await given();
    await asked(MOST_ASKED + 1);
  });

  it('is read as an attacker’s: a link, a bad file, a bad server; the others work', async () => {
    write({ weather, old: { type: 'sse', url: 'https://a.example' }, 'B A D': {} });
    await given();
    await asked(1);
    await press('Approve');
    expect(await given()).toHaveLength(1);
    const list = await answer(family, '/mcp');
    expect(list).toContain('mcp.json, old: type: sse is the old way and not taken; expected http');
    expect(list).toContain('mcp.json, B A D: expected a name of a-z, 0-9 and -');
    writeFileSync(file(family), '{"mcpServers": {');
    expect(await given()).toBeUndefined();
    expect(await answer(family, '/mcp')).toContain('mcp.json: expected JSON');
    writeFileSync(file(family), JSON.stringify({ mcpServers: {}, hooks: {} }));
    expect(await answer(family, '/mcp')).toContain('expected the key mcpServers alone, found hooks');
    unlinkSync(file(family));
    symlinkSync('/etc/passwd', file(family));
    expect(await given()).toBeUndefined();
    expect(await answer(family, '/mcp')).toContain('it is a symbolic link');
  });
});

describe('who decides', () => {
  it('is main: elsewhere the commands and the buttons do nothing', async () => {
    write({ weather });
    await given();
    await asked(1);
    expect(await answer(family, '/mcp approve family weather')).toBe('/mcp works in the main group only.');
    expect(await press('Approve', 0, family)).toBeNull();
    expect(daemon.db.mcp.decisions('family')).toEqual([]);
    daemon.language = 'de';
    expect(await answer(family, '/mcp')).toContain('wartet auf Freigabe in der Hauptgruppe');
  });
});

describe('a server that does not work', () => {
  it('is named to the chat once until it works again, and in /mcp', async () => {
    write({ weather });
    await given();
    await asked(1);
    await press('Approve');
    const reply = (problem: string | null) => ({
      text: 'ok',
      mcp: [
        { name: 'weather', problem },
        { name: 'nobody', problem: 'x' },
      ],
    });
    daemon.agent.answer = () => reply('it did not start:\n\u202enpx: not found');
    await given();
    await given();
    await daemon.until(() => daemon.told(family).some((text) => text.includes('did not work')));
    expect(daemon.told(family).filter((text) => text.includes('did not work'))).toEqual([
      'The MCP server “weather” did not work, and I went on without it: it did not start: npx: not found',
    ]);
    expect(await answer(family, '/mcp')).toContain(
      'It did not work last time: it did not start: npx: not found',
    );
    daemon.agent.answer = () => reply(null);
    await given();
    await given();
    await daemon.until(() => daemon.told(family).some((text) => text.includes('works again')));
    expect(daemon.told(family).filter((text) => text.includes('works again'))).toHaveLength(1);
  });
});

it('no server is given to an agent that is a plain process of this machine', async () => {
  write({ weather });
  await given();
  await asked(1);
  await press('Approve');
  await daemon.stop();
  daemon.agent.runtime = { ...daemon.agent.runtime, name: 'process' };
  await daemon.start();
  expect(await given()).toBeUndefined();
});
