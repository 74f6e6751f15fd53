/** What a conversation holds, over turns, kills, pictures, specialists and a context that is too small. */
import * as fs from 'node:fs';
import { expect, test } from 'vitest';
import { textOf } from '../../../../test/support/openai-api.ts';
import { idOf, type Told, useOpenAi } from '../../../../test/support/openai-turns.ts';

const { api, path, run } = useOpenAi();

test('a conversation goes on by its id; another begins without one; one that is gone begins anew, and says so', async () => {
  api().use(({ n }) => `answer ${n}`);
  const first = await run('The code word is heron.');
  const again = await run('And now?', { session_id: idOf(first) });
  expect(again.sessions).toEqual([]);
  expect(api().requests[1]?.body.messages.map(textOf).slice(1)).toEqual([
    ...['The code word is heron.', 'answer 1', 'And now?'],
  ]);
  const other = await run('Hello');
  expect(other.sessions).toEqual([{ id: expect.any(String), fresh: false }]);
  expect(api().requests[2]?.raw).not.toContain('heron');
  const gone = await run('Hello', { session_id: '0b0e7a52-8d1c-4d8e-9d4f-aaaaaaaaaaaa' });
  expect(gone.sessions).toEqual([{ id: expect.any(String), fresh: true }]);
});

test('a conversation that a kill has cut in the middle of a tool is gone on with', async () => {
  api().use(() => 'ok');
  const id = idOf(await run('one'));
  const file = path('home/.nanoclaw-openai', `${id}.jsonl`);
  const call = { id: 'call_9', name: 'Bash', input: { command: 'ls' } };
  fs.appendFileSync(file, `${JSON.stringify({ role: 'user', text: 'two' })}\n`);
  fs.appendFileSync(
    file,
    `${JSON.stringify({ role: 'assistant', text: '', calls: [call] })}\n{"role":"tool","id":"ca`,
  );
  expect((await run('three', { session_id: id })).text).toBe('ok');
  expect(api().requests[1]?.raw).toContain('the turn ended before the result came');
});

test('before the context is full the conversation is summed up, archived and gone on with', async () => {
  const environment = { OPENAI_CONTEXT_TOKENS: 8192 };
  api().use(({ body, n }) => (body.tools ? `answer ${n} ${'word '.repeat(400)}` : 'They spoke of herons.'));
  const id = idOf(await run('The code word is heron.', { environment }));
  let told: Told | null = null;
  for (let turn = 0; turn < 6; turn += 1)
    told = await run(`Question ${turn} ${'long '.repeat(400)}`, { environment, session_id: id });
  const asked = api().requests.filter(({ body }) => !body.tools);
  expect(asked.length).toBeGreaterThan(0);
  expect(asked[0]?.raw).toContain('The code word is heron.');
  expect(api().requests.at(-1)?.raw).toContain('They spoke of herons.');
  expect(api().requests.at(-1)?.userText).toContain('Question 5');
  const archives = fs.readdirSync(path('group/conversations'));
  expect(archives.length).toBe(asked.length);
  const all = archives.map((name) => fs.readFileSync(path('group/conversations', name), 'utf8'));
  expect(all.filter((text) => text.includes('## Chat\n\nThe code word is heron.'))).toHaveLength(1);
  expect(told?.outcome.status).toBe('ok');
});

test('a server that says the prompt is too long gets a shorter one, once; then it is an error', async () => {
  api().use(({ n }) => `answer ${n} ${'word '.repeat(2000)}`);
  const id = idOf(await run('one'));
  await run('two', { session_id: id });
  const tooLong = { status: 400, body: { error: { message: 'too long', code: 'context_length_exceeded' } } };
  api().use(({ body, raw }) => {
    if (!body.tools) return 'In short: one and two.';
    return raw.includes('In short') ? 'shorter' : tooLong;
  });
  expect((await run('three', { session_id: id })).text).toBe('shorter');
  api().use(({ body }) => (body.tools ? tooLong : 'short'));
  expect((await run('four', { session_id: id })).outcome).toMatchObject({
    status: 'error',
    code: 'context_too_long',
  });
});

test('a turn that outgrows the context keeps its own request', async () => {
  const environment = { OPENAI_CONTEXT_TOKENS: 8192 };
  let steps = 0;
  api().use(({ body }) => {
    if (!body.tools) return 'Some files were listed.';
    steps += 1;
    return steps > 12 ? 'all done' : { calls: [{ name: 'Bash', input: { command: 'seq 1 900' } }] };
  });
  const told = await run('Count it all, and say HERON at the end.', { environment });
  expect(told.text).toBe('all done');
  expect(told.activities).toContain('compacting');
  const last = api()
    .requests.filter(({ body }) => body.tools)
    .at(-1);
  expect(last?.raw).toContain('Some files were listed.');
  expect(last?.userText).toContain('Count it all, and say HERON at the end.');
});

test('work is handed to a specialist: own instructions, own tools, no word of the chat; the talk is written down', async () => {
  fs.mkdirSync(path('group/agents'));
  fs.writeFileSync(
    path('group/agents/gardener.md'),
    '---\nname: gardener\ndescription: Knows plants.\ntools: Read, Bash\n---\nYou plant beans first.\n',
  );
  const ofGardener: string[] = [];
  api().use(({ body, userText, toolResults }) => {
    const system = body.messages[0] ? textOf(body.messages[0]) : '';
    if (system.includes('You plant beans first.')) {
      ofGardener.push(body.tools?.map(({ function: { name } }) => name).join() ?? '');
      return toolResults.length > 0
        ? `Asked: ${userText}; saw ${toolResults.join()}`
        : { calls: [{ name: 'Bash', input: { command: 'echo soil' } }] };
    }
    expect(system).toContain('- gardener: Knows plants.');
    if (toolResults.length > 0) return toolResults.join(' | ');
    const ask = (subagent_type: string) => ({
      name: 'Agent',
      input: { subagent_type, description: 'Plan a bed', prompt: 'What first?' },
    });
    return { calls: [ask('gardener'), ask('nobody')] };
  });
  const told = await run('The code word is heron. Ask the gardener.');
  expect(told.text).toBe(
    'Asked: What first?; saw soil | Error: not done: there is no specialist nobody; there are gardener',
  );
  expect(ofGardener).toEqual(['Bash,Read', 'Bash,Read']);
  const asked = api().requests.filter(({ raw }) => raw.includes('You plant beans first.'));
  expect(asked.map(({ raw }) => raw).join()).not.toContain('heron');
  expect(told.outcome).toMatchObject({ usage: { input_tokens: 40 } });
  const [talk] = fs.readdirSync(path('group/conversations/team'));
  expect(fs.readFileSync(path('group/conversations/team', talk ?? ''), 'utf8')).toMatch(
    /Nina → gardener: Plan a bed[\s\S]*What first\?[\s\S]*saw soil/,
  );
  expect(fs.existsSync(path('group/gardener'))).toBe(true);
});

test('a picture is shown; a model that takes none is told so, and answers all the same', async () => {
  const png = Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
    'base64',
  );
  fs.mkdirSync(path('group/attachments'));
  fs.writeFileSync(path('group/attachments/a.png'), png);
  const attachments = [
    { path: 'attachments/a.png', kind: 'photo', type: 'image/png', bytes: png.length, as_image: true },
  ];
  api().use(() => 'a dot');
  const told = await run('what is this?', { attachments });
  expect(api().requests[0]?.raw).toContain(`data:image/png;base64,${png.toString('base64')}`);
  await run('and its colour?', { session_id: idOf(told) });
  expect(api().requests[1]?.raw).toContain('data:image/png');
  api().use(({ raw }) =>
    raw.includes('data:image')
      ? { status: 500, body: { error: { message: 'image input is not supported' } } }
      : 'I see none',
  );
  expect((await run('what is this?', { attachments })).text).toBe('I see none');
  expect(api().requests.at(-1)?.raw).toContain('This model sees no pictures: attachments/a.png');
});

test('thoughts go back with the calls of the running turn, and not later', async () => {
  api().use(({ n }) =>
    n === 1 ? { reasoning: 'I should look', calls: [{ name: 'Glob', input: { pattern: '*' } }] } : 'ok',
  );
  const id = idOf(await run('look'));
  expect(api().requests[1]?.raw).toContain('"reasoning_content":"I should look"');
  await run('and?', { session_id: id });
  expect(api().requests[2]?.raw).not.toContain('I should look');
});
