/**
 * What each group thinks with: chosen in main or by the operator, told to its agent with each turn, over one provider or the other;
 * and what becomes of a group whose provider cannot be asked. A whole daemon with agents that do what the test says.
 */
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { chooseThinking, meansOf, NOTHING_CHOSEN } from '../../src/policy/thinking.ts';
import { changeGroup } from '../../src/registry.ts';
import { type Group, iso, type Thinking } from '../../src/types.ts';
import { InnerDaemon } from '../support/inner-daemon.ts';

const CLAUDE = { ANTHROPIC_API_KEY: 'sk-ant-made-up' };
const SERVER = { OPENAI_BASE_URL: 'http://127.0.0.1:9/v1', OPENAI_API_KEY: 'sk-made-up' };

class Offices extends InnerDaemon {
  readonly main = this.register('main', { isMain: true });
  readonly family = this.register('family', { requiresTrigger: false });
  readonly work = this.register('work', { requiresTrigger: false });

  constructor(settings: Record<string, string>) {
    super();
    this.settings = { CONTAINER_RUNTIME: 'docker', ...settings };
    let sessions = 0;
    this.agent.answer = (turn) => {
      sessions += 1;
      return { text: `done ${turn.id}`, ...(turn.session_id === null ? { session: `s-${sessions}` } : {}) };
    };
  }

  /** Says it, and gives what is answered. */
  async ask(group: Group, text: string): Promise<string> {
    const before = this.told(group).length;
    await this.say(group, text);
    return (await this.until(() => this.told(group).slice(before).at(-1))) ?? '';
  }

  /** Has a turn, and gives what its agent was told. */
  async turn(group: Group) {
    const before = this.agent.turns.length;
    await this.say(group, 'go');
    const turn = await this.until(() => this.agent.turns[before]);
    await this.until(() => this.told(group).includes(`done ${turn?.id}`));
    return turn;
  }

  /** As the operator does by hand, past what may be chosen. */
  set(group: Group, chosen: Partial<Thinking>): void {
    const registry = {
      db: this.db,
      home: this.home,
      assistantName: 'Nina',
      now: () => iso(this.clock.now()),
    };
    const now = this.db.groups.byFolder(group.folder) ?? group;
    changeGroup(registry, { ...now, ...chosen }, 'as the test says', 'test');
    this.poke();
  }

  containers(group: Group) {
    return this.db.sqlite
      .prepare<[string], { provider: string | null; ended: number }>(
        'SELECT provider, ended_at IS NOT NULL AS ended FROM containers WHERE group_folder = ? ORDER BY ended_at IS NULL, name',
      )
      .all(group.folder);
  }

  problems() {
    return this.app?.status().problems.map(({ kind, subject, detail }) => ({ kind, subject, detail }));
  }
}

describe('a choice', () => {
  it('counts from the next turn on, in a warm container as well, for that group alone', async () => {
    const daemon = new Offices({ ...CLAUDE, ANTHROPIC_MODEL: 'sonnet', AGENT_MAX_TURNS: '60' });
    await daemon.start();
    expect(await daemon.turn(daemon.family)).toMatchObject({ model: 'sonnet', max_turns: 60 });
    expect(await daemon.ask(daemon.main, '/model family opus effort high turns 12 thinking 8000')).toBe(
      'From its next turn on family thinks with claude, opus, effort high, at most 12 turns, at most 8000 tokens of thinking.',
    );
    const turn = await daemon.turn(daemon.family);
    expect(turn).toMatchObject({ model: 'opus', effort: 'high', max_turns: 12, max_thinking: 8000 });
    // The conversation goes on, in the same container.
    expect(turn?.session_id).toBe('s-1');
    expect(daemon.containers(daemon.family)).toEqual([{ provider: 'claude', ended: 0 }]);
    const other = await daemon.turn(daemon.work);
    expect(other).toMatchObject({ model: 'sonnet', max_turns: 60 });
    expect(other).not.toHaveProperty('effort');
    await daemon.ask(daemon.main, '/model family effort default turns default');
    const after = await daemon.turn(daemon.family);
    expect(after).toMatchObject({ model: 'opus', max_turns: 60, max_thinking: 8000 });
    expect(after).not.toHaveProperty('effort');
    expect(await daemon.ask(daemon.main, '/groups')).toContain(
      'family: family (-1002), claude, opus, at most 60 turns, at most 8000 tokens of thinking',
    );
    expect(await daemon.ask(daemon.main, '/status')).toMatch(/• family: .*thinks with opus/);
    await daemon.ask(daemon.main, '/model family default');
    expect(daemon.db.groups.byFolder('family')).toMatchObject(NOTHING_CHOSEN);
    expect(await daemon.ask(daemon.main, '/model')).toContain(
      'family: claude, sonnet, at most 60 turns (as the settings say)',
    );
    expect(daemon.db.audit.list({ group: 'family', limit: 5 })[0]).toMatchObject({
      actor: 'telegram:1001',
      action: 'set_group',
      detail: expect.stringContaining('thinks with: claude, opus'),
    });
  });

  it.each([
    ['/model nobody opus', /no group with the folder "nobody"/],
    ['/model family effort enormous', /expected low, medium, high, xhigh, max or default, got “enormous”/],
    ['/model family turns 0', /expected a whole number from 1 to 1000, or default, got “0”/],
    ['/model family turns many', /expected a whole number from 1 to 1000/],
    ['/model family thinking 1000', /expected 0 for none, 1024 to 128000 tokens, or default, got “1000”/],
    ['/model family provider mistral', /expected claude, openai, offline or default, got “mistral”/],
    ['/model family opus sonnet', /model is said twice/],
    ['/model family effort', /a value is missing/],
    ['/model family openai qwen3:8b', /openai needs OPENAI_BASE_URL/],
    [`/model family ${'x'.repeat(201)}`, /up to 200 characters/],
  ])('that cannot be is refused with what was expected, and nothing changes: %s', async (text, expected) => {
    const daemon = new Offices(CLAUDE);
    await daemon.start();
    expect(await daemon.ask(daemon.main, text)).toMatch(expected);
    expect(daemon.db.groups.byFolder('family')).toMatchObject(NOTHING_CHOSEN);
    expect(await daemon.ask(daemon.family, '/model family opus')).toBe(
      '/model works in the main group only.',
    );
  });

  it('of another provider takes no model along, and needs one of its own', () => {
    const config = loadConfig({ ...CLAUDE, ...SERVER, NANOCLAW_HOME: '/nowhere' });
    const ground = { defaults: config.thinking, means: meansOf(config) };
    const before: Thinking = { ...NOTHING_CHOSEN, model: 'opus', effort: 'low' };
    expect(() => chooseThinking(before, { provider: 'openai' }, ground)).toThrow(/openai needs a model/);
    expect(chooseThinking(before, { provider: 'OpenAI', model: 'gpt-5' }, ground)).toEqual({
      ...before,
      provider: 'openai',
      model: 'gpt-5',
    });
    expect(chooseThinking(before, { provider: 'anthropic' }, ground)).toEqual({
      ...before,
      provider: 'claude',
    });
    expect(chooseThinking(before, { provider: 'offline' }, ground)).toMatchObject({ model: null });
  });
});

describe('another provider', () => {
  it('gets a container of its own and begins a new conversation, said once; the turn that runs ends as it began', async () => {
    const daemon = new Offices({ ...CLAUDE, ...SERVER });
    await daemon.start();
    await daemon.turn(daemon.family);
    expect(daemon.db.sessions.of(daemon.family.folder, 0)?.provider).toBe('claude');
    const usual = daemon.agent.answer;
    daemon.agent.answer = () => 'hold';
    await daemon.say(daemon.family, 'slowly');
    const held = await daemon.until(() => daemon.agent.turns[1]);
    await daemon.ask(daemon.main, '/model family openai qwen3:8b');
    daemon.agent.answer = usual;
    daemon.agent.finish(held, { text: 'slowly done' });
    await daemon.until(() => daemon.told(daemon.family).includes('slowly done'));
    const turn = await daemon.turn(daemon.family);
    expect(turn).toMatchObject({ model: 'qwen3:8b', session_id: null });
    expect(turn?.container).not.toBe(held?.container);
    await daemon.until(() => daemon.containers(daemon.family)[0]?.ended === 1);
    expect(daemon.containers(daemon.family)).toEqual([
      { provider: 'claude', ended: 1 },
      { provider: 'openai', ended: 0 },
    ]);
    const said = () => daemon.told(daemon.family).filter((text) => text.includes('another provider’s model'));
    expect(said()).toHaveLength(1);
    expect((await daemon.turn(daemon.family))?.session_id).not.toBeNull();
    expect(said()).toHaveLength(1);
    // Each turn remembers what it was thought with.
    const turns = daemon.db.sqlite
      .prepare("SELECT provider, model FROM turns WHERE group_folder = 'family' ORDER BY seq")
      .all();
    expect(turns).toEqual([
      { provider: 'claude', model: null },
      { provider: 'claude', model: null },
      { provider: 'openai', model: 'qwen3:8b' },
      { provider: 'openai', model: 'qwen3:8b' },
    ]);
  });

  it('that refuses its credential is a problem of those who think with it, not of the others', async () => {
    const daemon = new Offices({ ...CLAUDE, ...SERVER, OPENAI_MODEL: 'qwen3:8b' });
    daemon.set(daemon.family, { provider: 'openai' });
    daemon.agent.answer = (turn) =>
      turn.model === undefined
        ? { text: `done ${turn.id}` }
        : { status: 'error', error: { code: 'credential', message: 'refused' } };
    await daemon.start();
    expect(await daemon.ask(daemon.family, 'hello')).toContain('the model refused the credential');
    await daemon.turn(daemon.work);
    expect(daemon.problems()).toEqual([{ kind: 'credential', subject: 'openai', detail: 'refused' }]);
    expect(daemon.told(daemon.main)).toEqual([expect.stringContaining('The model server of openai refuses')]);
  });
});

describe('a group whose provider cannot be asked', () => {
  it('says so once, starts nothing, and is answered when it can be; the others go on', async () => {
    const daemon = new Offices(CLAUDE);
    await daemon.start();
    daemon.set(daemon.family, { provider: 'openai', model: 'qwen3:8b' });
    const sentence =
      /an OpenAI-compatible server, and the operator has set neither OPENAI_BASE_URL nor OPENAI_API_KEY.*is kept/;
    expect(await daemon.ask(daemon.family, 'one')).toMatch(sentence);
    await daemon.say(daemon.family, 'two');
    await daemon.turn(daemon.work);
    expect(daemon.agent.turns).toHaveLength(1);
    expect(daemon.containers(daemon.family)).toEqual([]);
    expect(daemon.problems()).toMatchObject([{ kind: 'provider', subject: 'family' }]);
    expect(daemon.told(daemon.main)).toEqual([
      expect.stringMatching(/^I cannot answer in “family”: .*OPENAI_BASE_URL/),
    ]);
    const id = await daemon.say(daemon.family, 'and three');
    await daemon.say(daemon.family, '/why', id);
    await daemon.until(() =>
      daemon.told(daemon.family).at(-1)?.includes('cannot be asked; the main chat knows'),
    );
    expect(await daemon.ask(daemon.family, '/status')).toContain('Something is not all right');

    // Over a restart nobody is told twice.
    await daemon.stop();
    await daemon.start();
    await daemon.say(daemon.family, 'and four');
    await daemon.turn(daemon.work);
    expect(daemon.told(daemon.family).filter((text) => sentence.test(text))).toHaveLength(1);

    await daemon.stop();
    Object.assign(daemon.settings, SERVER);
    await daemon.start();
    const turn = await daemon.until(() => daemon.agent.turns[2]);
    expect(turn).toMatchObject({ model: 'qwen3:8b' });
    for (const word of ['one', 'two', 'and three', 'and four']) expect(turn?.requests).toContain(word);
    await daemon.until(() => daemon.told(daemon.family).includes(`done ${turn?.id}`));
    expect(daemon.problems()).toEqual([]);
    expect(daemon.told(daemon.main).at(-1)).toBe('I can answer in “family” again.');
  });

  it('is answered at once when main chooses another, and tasks that were due run then', async () => {
    const daemon = new Offices(CLAUDE);
    await daemon.start();
    daemon.set(daemon.family, { provider: 'openai' });
    const task = daemon.add(daemon.family, '5m');
    await daemon.clock.advance(5 * 60_000);
    await daemon.until(() => daemon.problems()?.length === 1);
    expect(daemon.runs(task)).toMatchObject([{ state: 'due', outcome: null }]);
    await daemon.say(daemon.family, 'and me?');
    await daemon.until(() => daemon.told(daemon.family).length === 1);
    expect(daemon.agent.turns).toEqual([]);
    await daemon.ask(daemon.main, '/model family default');
    await daemon.until(() => daemon.agent.turns.length === 2);
    await daemon.until(() => daemon.runs(task)[0]?.outcome === 'ok');
    expect(daemon.agent.turns.map(({ kind }) => kind).sort()).toEqual(['messages', 'task']);
  });

  it('is no problem any more when it is unregistered; the other group that cannot still is one', async () => {
    const daemon = new Offices(CLAUDE);
    await daemon.start();
    for (const group of [daemon.family, daemon.work]) {
      daemon.set(group, { provider: 'openai' });
      await daemon.say(group, 'hello');
      await daemon.until(() => daemon.told(group).length === 1);
    }
    await daemon.ask(daemon.main, '/unregister family');
    await daemon.until(() => daemon.db.groups.byFolder(daemon.family.folder) === null);
    expect(daemon.problems()).toMatchObject([{ kind: 'provider', subject: 'work' }]);
  });

  it('without containers only the offline agent works', async () => {
    const daemon = new Offices({ ...SERVER, AGENT_PROVIDER: 'offline', CONTAINER_RUNTIME: 'auto' });
    await daemon.start();
    daemon.set(daemon.family, { provider: 'openai', model: 'm' });
    expect(await daemon.ask(daemon.family, 'one')).toContain(
      'only the offline agent works without containers',
    );
    await daemon.turn(daemon.work);
    expect(daemon.agent.turns).toHaveLength(1);
  });
});

describe('what turns of a server with prices cost', () => {
  it('is reckoned by the daemon: by the group’s model, from the larger count, whatever the agent says', async () => {
    const daemon = new Offices({ ...CLAUDE, ...SERVER, OPENAI_PRICE: '1/10, big=5/50' });
    daemon.set(daemon.family, { provider: 'openai', model: 'big' });
    daemon.set(daemon.work, { provider: 'openai', model: 'small' });
    daemon.agent.answer = (turn) => {
      const folder = turn.group_name;
      const use = { requests: 1, failures: 0, inputTokens: 2000, outputTokens: 100 };
      daemon.db.usage.add(folder, '2026-11-02', use);
      return {
        text: `done ${turn.id}`,
        // Less, and for free.
        usage: { input_tokens: 1000, output_tokens: 200, cost_usd: 0 },
      };
    };
    await daemon.start();
    await daemon.turn(daemon.family);
    await daemon.turn(daemon.work);
    const costs = daemon.db.sqlite
      .prepare('SELECT group_folder, charged_usd, charged_tokens, cost_usd FROM turns ORDER BY seq')
      .all();
    expect(costs).toEqual([
      { group_folder: 'family', charged_usd: 0.02, charged_tokens: 2200, cost_usd: 0.015 },
      { group_folder: 'work', charged_usd: 0.004, charged_tokens: 2200, cost_usd: 0.003 },
    ]);
  });
});
