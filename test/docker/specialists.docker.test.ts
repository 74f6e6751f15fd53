/** Specialists with the real SDK in the real image: what the model is told in their name, and what is written down. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readSpecialist } from '../../src/team/specialist.ts';
import { type Script, type SeenRequest, systemText } from '../support/messages-api.ts';
import { FIXTURES, REAL_SPECIALISTS, writeAgents } from '../support/specialists.ts';
import { sessionOf, useClaudeAgent, whyNoAgentImage } from './agent-container.ts';

const unavailable = await whyNoAgentImage();

const isNina = (request: SeenRequest) => systemText(request).includes('You are Nina, an assistant');
const delegate = (name: string, prompt: string, description = 'Look at it') => ({
  toolUse: { name: 'Agent', input: { subagent_type: name, description, prompt } },
});
/** Nina asks whoever is next, with the last answer; then she says what the last one said. */
const oneAfterAnother =
  (names: readonly string[], answer: (request: SeenRequest) => string): Script =>
  (request) => {
    if (!isNina(request)) return answer(request);
    const said = request.toolResults[0]?.text ?? 'the question';
    const asked = (request.raw.match(/"type":"tool_use"/g) ?? []).length;
    const name = names[asked];
    return name === undefined
      ? `Done: ${said}`
      : { content: [delegate(name, `About: ${said}`, `Ask ${name}`)] };
  };

describe.skipIf(unavailable !== null)(
  `specialists in their container${unavailable ? ` (${unavailable})` : ''}`,
  () => {
    const { api, mailbox, start, turn } = useClaudeAgent();
    const talks = (): string[] => {
      const dir = join(mailbox().groupDir, 'conversations/team');
      return existsSync(dir)
        ? readdirSync(dir)
            .sort()
            .map((file) => readFileSync(join(dir, file), 'utf8'))
        : [];
    };
    const ofSpecialists = () =>
      api()
        .main()
        .filter((request) => !isNina(request));

    test('each answers with its own instructions, its model and its tools; Nina knows them all', async () => {
      writeAgents(mailbox().groupDir, FIXTURES);
      writeAgents(mailbox().globalDir, { 'librarian.md': 'You find books.' });
      const names = ['garden-planner', 'garden-planner-small', 'menu-writer', 'librarian'];
      api().use(oneAfterAnother(names, (request) => `I read: ${request.userText}`));
      start();
      const finished = await turn('ask them');
      expect(finished.text).toContain('I read: About: ');
      const nina = systemText(api().main()[0] as SeenRequest);
      for (const name of [...names, 'kitchen-manual', 'plain-taster'])
        expect(nina).toContain(`\n- ${name}: `);
      const seen = ofSpecialists();
      const told = (index: number) => systemText(seen[index] as SeenRequest);
      expect(seen).toHaveLength(4);
      expect(told(0)).toContain('You are the **garden planner**: you draw beds before you name plants.');
      expect(told(0)).toContain('/workspace/group/garden-planner/');
      expect(told(1)).toContain('You plan balconies ‚öôÔ∏è only.');
      expect(told(1)).not.toContain('you draw beds');
      expect(told(3)).toContain('You find books.');
      expect(seen.map(({ body }) => /opus|sonnet/.exec(body.model ?? '')?.[0])).toEqual([
        'opus',
        'opus',
        'sonnet',
        'opus',
      ]);
      const tools = seen.map(({ body }) => body.tools?.map(({ name }) => name) ?? []);
      expect(tools[2]).toEqual(['Read', 'Grep', 'Bash', 'TaskCreate', 'TaskUpdate', 'TaskGet', 'TaskList']);
      expect(tools[0]).toContain('mcp__nanoclaw__send_message');
      // They meet through Nina only.
      expect(tools.flat()).not.toContain('Agent');
    });

    test.skipIf(REAL_SPECIALISTS.length === 0)(
      'those that lie beside the checkout do, as they are',
      async () => {
        writeAgents(
          mailbox().groupDir,
          Object.fromEntries(REAL_SPECIALISTS.map(({ file, text }) => [file, text])),
        );
        const names = [
          ...['backend-architect', 'backend-architect-sovereign', 'backend-dev-operating-manual'],
          ...['backend-developer', 'backend-specialist'],
        ];
        api().use(oneAfterAnother(names, (request) => `I read: ${request.userText}`));
        start();
        expect((await turn('ask them all')).end.status).toBe('ok');
        const seen = ofSpecialists();
        expect(seen).toHaveLength(5);
        for (const [index, { file, text }] of REAL_SPECIALISTS.entries()) {
          const read = readSpecialist(file, text);
          if ('reason' in read) throw new Error(file);
          expect(text).toContain(read.instructions);
          expect(systemText(seen[index] as SeenRequest)).toContain(read.instructions);
          expect(systemText(seen[index] as SeenRequest)).toContain(`/workspace/group/${names[index]}/`);
        }
        expect(seen[3]?.body.model).toContain('sonnet');
        expect(talks()).toHaveLength(1);
      },
    );

    test('one consults another through Nina, a third reviews; the exchange is a file, and each has a folder', async () => {
      writeAgents(mailbox().groupDir, FIXTURES);
      const answers: Record<string, string> = {
        'garden planner': 'Two beds.\n\nCONSULT menu-writer: what is eaten?',
        'You write menus.': 'Beans.',
        'taste everything twice': 'REVIEWED: beans are fine.',
      };
      api().use(
        oneAfterAnother(['garden-planner', 'menu-writer', 'plain-taster'], (request) => {
          const [, answer = 'nobody'] =
            Object.entries(answers).find(([words]) => systemText(request).includes(words)) ?? [];
          return answer;
        }),
      );
      start();
      const { text } = await turn('plan my garden', { timezone: 'Asia/Tokyo' });
      expect(text).toContain('REVIEWED: beans are fine.');
      // What one said is in what the next is asked.
      expect(ofSpecialists()[1]?.userText).toContain('CONSULT menu-writer: what is eaten?');
      const [talk = '', ...others] = talks();
      expect(others).toEqual([]);
      expect(talk).toMatch(/^# Ask garden-planner\n\n\d{4}-\d\d-\d\d \(Asia\/Tokyo\), in Test group\n/);
      const order = [
        'Nina → garden-planner: ',
        '> About: the question',
        '### garden-planner, after',
        'Two beds.',
        'Nina → menu-writer: ',
        '### menu-writer, after',
        'Beans.',
        'Nina → plain-taster: ',
        'REVIEWED: beans are fine.',
      ];
      const places = order.map((words) => talk.indexOf(words));
      expect(places).toEqual([...places].sort((a, b) => a - b));
      expect(places[0]).toBeGreaterThan(0);
      expect(readdirSync(mailbox().groupDir)).toEqual(
        expect.arrayContaining(['garden-planner', 'menu-writer', 'plain-taster']),
      );
    });

    test('a file that is added, changed or broken counts from the next turn of the same conversation on', async () => {
      writeAgents(mailbox().groupDir, { 'cook.md': 'You cook soup.' });
      api().use((request) => (isNina(request) ? 'ok' : 'cooked'));
      start();
      const session_id = sessionOf(await turn('one'));
      writeAgents(mailbox().groupDir, {
        'baker.md': 'You bake.',
        'cook.md': '---\nname: [\n---\nYou cook soup.',
      });
      api().use(oneAfterAnother(['baker'], () => 'baked'));
      expect((await turn('two', { session_id })).text).toContain('baked');
      expect(systemText(ofSpecialists()[0] as SeenRequest)).toContain('You bake.');
      const nina = systemText(api().main().at(-1) as SeenRequest);
      expect(nina).toContain('- baker: You bake.');
      expect(nina).not.toContain('- cook:');
      expect(api().main().at(-1)?.raw).toContain('one');
    });

    test('one that fails, is stopped or is nobody fails no turn, and that is written down', async () => {
      writeAgents(mailbox().groupDir, {
        'cook.md': 'You cook soup.',
        'odd.md': '---\nmodel: claude-no-such-1\n---\nYou are odd.',
      });
      api().use((request) => {
        if (!isNina(request)) return { status: 400, message: 'no such model' };
        const [result] = request.toolResults;
        if (result) return `${result.isError ? 'failed' : 'said'}: ${result.text}`;
        return { content: [delegate('odd', 'how?')] };
      });
      start();
      const first = await turn('one');
      expect(first.end.status).toBe('ok');
      expect(talks().join()).toMatch(/## .* Nina → odd: Look at it\n\n> how\?\n\n### odd/);

      api().use((request) =>
        isNina(request) ? { content: [delegate('cook', 'wait')] } : { hang: 'stream' },
      );
      const waiting = mailbox().turn('two', { session_id: sessionOf(first) });
      await new Promise<void>((resolve) =>
        api().on('request', (request) => (isNina(request) ? undefined : resolve())),
      );
      mailbox().interrupt(waiting);
      expect((await mailbox().finished(waiting, 30_000)).end.status).toBe('interrupted');
      expect(talks().join()).toMatch(/> wait\n\n### cook did not answer \(\d+ s\): /);

      api().use((request) => {
        const [result] = request.toolResults;
        return result
          ? `${result.isError ? 'failed' : 'said'}`
          : { content: [delegate('nobody-here', 'how?')] };
      });
      expect((await turn('three', { session_id: sessionOf(first) })).text).toBe('failed');
    });
  },
);
