/**
 * What may be used is bounded, and at the bound nothing is asked of the model and nothing is lost: the whole daemon, with agents that
 * cost what the test says. With real processes: test/faults/allowances-survive-kills.test.ts; the rule: test/properties/allowances.
 */
import { describe, expect, it } from 'vitest';
import { parseHowMuch, parseWhose, setAllowance } from '../../src/allowances.ts';
import type { Group } from '../../src/types.ts';
import { explainMessage } from '../../src/why.ts';
import { InnerDaemon } from '../support/inner-daemon.ts';
import { failing } from '../support/scripted-agent.ts';

const HOUR = 3_600_000;
const SPENT = /^The allowance for this is used up\. What is written here waits/;
const REFUSED = /^Your allowance is used up, so I do not answer this\./;
const ASKED = /is used up .* Top it up\?$/;
const costing = (usd: number, tokens = 100) => ({
  text: 'done',
  usage: { input_tokens: tokens, output_tokens: 10, cost_usd: usd },
});

class Household extends InnerDaemon {
  main = this.register('main', { isMain: true });

  allow(whose: string, much: string): void {
    const rules = { db: this.db, now: () => this.clock.now(), zone: 'UTC' };
    setAllowance(rules, parseWhose(this.db, whose), parseHowMuch(much), 'test');
  }
  by = (id: number, name: string) => ({ from: { id, is_bot: false, first_name: name } });

  /** Presses the button on the newest message with one in main. */
  async press(label: string, from = 1001): Promise<void> {
    const shown = this.telegram.arrived.filter(({ keyboard }) => keyboard !== undefined).at(-1);
    const button = shown?.keyboard?.inline_keyboard.flat().find(({ text }) => text.startsWith(label));
    if (!button || !('callback_data' in button)) throw new Error(`no button "${label}"`);
    await this.pressData(button.callback_data, from);
  }
  async pressData(data: string, from = 1001): Promise<void> {
    const chat = { id: Number(this.main.chatJid), type: 'supergroup', title: 'Main' };
    await this.happens({
      callback_query: {
        id: `press-${data}-${from}-${this.telegram.asked.length}`,
        from: { id: from, is_bot: false, first_name: 'P' },
        chat_instance: '1',
        message: { message_id: 5001, date: 0, chat },
        data,
      },
    });
  }
  /** Of messages that ask Nina. */
  fates(group: Group): (string | null)[] {
    return this.db.sqlite
      .prepare<[string], string | null>(
        'SELECT disposition FROM messages WHERE chat_jid = ? AND trigger_kind IS NOT NULL AND is_bot_message = 0 ORDER BY seq',
      )
      .pluck()
      .all(group.chatJid);
  }
  ledger() {
    return this.db.sqlite
      .prepare(
        'SELECT group_folder, day, person, task_id, turns, input_tokens + output_tokens, cost_usd FROM usage_ledger ORDER BY 1, 2, 3',
      )
      .raw()
      .all();
  }
}

describe('an allowance of one cent', () => {
  it.each(['all', 'person:1001'])(
    'for %s, ten groups at once: one turn, and the others ask no model',
    async (whose) => {
      const daemon = new Household();
      daemon.settings.MAX_CONCURRENT_CONTAINERS = '10';
      const groups = Array.from({ length: 10 }, (_, n) => daemon.register(`g${n}`));
      daemon.allow(whose, '0.01usd/day');
      daemon.agent.answer = () => 'hold';
      await daemon.start();
      for (const group of groups) await daemon.say(group, '@Nina hello');
      await daemon.until(() => daemon.agent.turns.length === 1);
      await daemon.clock.advance(10_000);
      // Held, not refused: nobody knows yet what the first one costs.
      expect(daemon.agent.turns).toHaveLength(1);
      expect(groups.flatMap((group) => daemon.told(group))).toEqual([]);
      daemon.agent.finish(daemon.agent.turns[0], costing(0.012));
      await daemon.until(() => groups.every((group) => daemon.told(group).length === 1));
      await daemon.clock.advance(HOUR);
      expect(daemon.agent.turns).toHaveLength(1);
      const told = groups.flatMap((group) => daemon.told(group)).sort();
      const refusal = whose === 'all' ? SPENT : REFUSED;
      expect(told.filter((text) => refusal.test(text))).toHaveLength(9);
      expect(told.filter((text) => text === 'done')).toHaveLength(1);
      expect(daemon.told(daemon.main)).toEqual([expect.stringMatching(ASKED)]);
    },
  );

  it('lets what waits be answered after a top-up, and is told again when that is used up, too', async () => {
    const daemon = new Household();
    const family = daemon.register('family');
    daemon.allow('family', '0.01usd/day');
    daemon.agent.answer = () => costing(0.01);
    await daemon.start();
    await daemon.say(family, '@Nina one');
    await daemon.until(() => daemon.told(family).length === 1);
    const second = await daemon.say(family, '@Nina two');
    await daemon.until(() => daemon.told(daemon.main).length === 1);
    // Nobody is left who could ask the model.
    await daemon.until(() => daemon.app?.status().agents.length === 0);
    expect(explainMessage(daemon.db, family.chatJid, second, 'UTC').lines).toContain(
      'The allowance for it is used up; it goes on 2026-11-03 00:00:00 Tue, or once main tops it up.',
    );
    await daemon.say(family, '@Nina three');
    await daemon.say(family, '/ping');
    await daemon.until(() => daemon.told(family).includes('pong'));
    expect(daemon.told(family).filter((text) => SPENT.test(text))).toHaveLength(1);

    await daemon.press('Top up by $0.01');
    await daemon.until(() => daemon.fates(family).filter((f) => f === 'answered').length === 3);
    expect(daemon.agent.turns).toHaveLength(2);
    // It has had its top-up: the same press does nothing more.
    await daemon.press('Top up by $0.01');
    await daemon.say(family, '@Nina four');
    await daemon.until(() => daemon.told(family).filter((text) => SPENT.test(text)).length === 2);
    await daemon.until(() => daemon.told(daemon.main).filter((text) => ASKED.test(text)).length === 2);
    await daemon.clock.advance(HOUR);
    expect(daemon.agent.turns).toHaveLength(2);
    const actions = daemon.db.audit.list({ limit: 20 }).map(({ action, detail }) => `${action} ${detail}`);
    expect(actions).toContain('allowance family: topped up by 0.01usd for 2026-11-02');
    // The day after it goes on by itself.
    await daemon.clock.advance(16 * HOUR);
    await daemon.until(() => daemon.agent.turns.length === 3);
  });

  it('says so again when a larger one, too, is used up on the same day', async () => {
    const daemon = new Household();
    const family = daemon.register('family');
    daemon.agent.answer = () => costing(0.01);
    await daemon.start();
    const told = () => daemon.told(family).filter((text) => SPENT.test(text)).length;
    for (const amount of ['0.01', '0.02']) {
      await daemon.say(daemon.main, `/allowance family ${amount}usd/day`);
      await daemon.say(family, '@Nina and?');
      await daemon.say(family, '@Nina and then?');
      await daemon.until(() => told() === (amount === '0.01' ? 1 : 2));
      await daemon.until(() => daemon.told(daemon.main).filter((text) => ASKED.test(text)).length === told());
    }
    expect(daemon.agent.turns).toHaveLength(2);
  });

  it('is not topped up by whom main does not admit, nor by a button of yesterday', async () => {
    const daemon = new Household();
    const family = daemon.register('family');
    daemon.allow('family', '0.01usd/day');
    daemon.agent.answer = () => costing(0.02);
    await daemon.start();
    await daemon.say(family, '@Nina one');
    await daemon.until(() => daemon.told(family).length === 1);
    await daemon.say(family, '@Nina two');
    await daemon.until(() => daemon.told(daemon.main).length === 1);
    const elsewhere = daemon.telegram.arrived.filter(({ keyboard }) => keyboard !== undefined).at(-1);
    const [top] = elsewhere?.keyboard?.inline_keyboard.flat() ?? [];
    const data = top && 'callback_data' in top ? top.callback_data : '';
    // The same button, pressed in a chat that is not main's.
    await daemon.happens({
      callback_query: {
        id: 'elsewhere',
        from: { id: 7, is_bot: false, first_name: 'Mallory' },
        chat_instance: '1',
        message: {
          message_id: 1,
          date: 0,
          chat: { id: Number(family.chatJid), type: 'supergroup', title: 'F' },
        },
        data,
      },
    });
    expect(daemon.db.sqlite.prepare('SELECT count(*) FROM allowance_topups').pluck().get()).toBe(0);
    await daemon.clock.advance(17 * HOUR);
    await daemon.until(() => daemon.agent.turns.length === 2);
    await daemon.pressData(data);
    expect(daemon.db.sqlite.prepare('SELECT count(*) FROM allowance_topups').pluck().get()).toBe(0);
  });
});

describe("a person's allowance", () => {
  it('stops that person, with an answer each time, and nobody else in the topic', async () => {
    const daemon = new Household();
    const family = daemon.register('family');
    daemon.allow('person:1001', '0.01usd/day');
    daemon.agent.answer = () => costing(0.02);
    await daemon.start();
    await daemon.say(family, '@Nina one');
    await daemon.until(() => daemon.told(family).length === 1);
    const refused = await daemon.say(family, '@Nina two');
    await daemon.say(family, '@Nina three', undefined, daemon.by(2002, 'Ben'));
    await daemon.until(() => daemon.told(family).length === 3);
    expect(daemon.fates(family)).toEqual(['answered', 'not_allowed', 'answered']);
    expect(daemon.told(family).filter((text) => REFUSED.test(text))).toHaveLength(1);
    expect(explainMessage(daemon.db, family.chatJid, refused, 'UTC').lines[1]).toBe(
      'Not allowed: the allowance of who wrote it is used up. Nina does not see it.',
    );
    // In main nobody is stopped by it.
    await daemon.say(daemon.main, '@Nina four');
    await daemon.until(() => daemon.told(daemon.main).includes('done'));
    expect(daemon.ledger()).toEqual([
      ['family', '2026-11-02', '1001', '', 1, 110, 0.02],
      ['family', '2026-11-02', '2002', '', 1, 110, 0.02],
      ['main', '2026-11-02', '1001', '', 1, 110, 0.02],
    ]);
  });
});

describe('tasks', () => {
  it('count, and at the limit a due run is skipped with the reason; one that is only a script runs', async () => {
    const daemon = new Household();
    const family = daemon.register('family');
    daemon.allow('family', '0.01usd/day');
    const task = daemon.add(family, '30m');
    const once = daemon.add(family, '2026-11-02T08:45');
    const script = daemon.add(family, '50m', { prompt: '', script: 'echo hi' });
    daemon.agent.answer = ({ script_only: only }) => (only ? { text: 'hi', scripted: true } : costing(0.03));
    await daemon.start();
    await daemon.clock.advance(31 * 60_000);
    await daemon.until(() => daemon.runs(task)[0]?.outcome === 'ok');
    await daemon.clock.advance(15 * 60_000);
    await daemon.until(() => daemon.runs(once)[0]?.outcome === 'skipped');
    await daemon.clock.advance(15 * 60_000);
    await daemon.until(() => daemon.runs(task)[1]?.state === 'finished');
    await daemon.until(() => daemon.runs(script)[0]?.outcome === 'ok');
    expect(daemon.runs(task)[1]).toMatchObject({ outcome: 'skipped', reason: 'the allowance is used up' });
    expect(daemon.task(once)).toMatchObject({
      status: 'done',
      lastResult: 'skipped: the allowance is used up',
    });
    expect(daemon.told(family)).toEqual(['done', expect.stringMatching(SPENT), 'hi']);
    const rows = daemon.ledger();
    expect(rows).toHaveLength(2);
    expect(rows).toContainEqual(['family', '2026-11-02', '', task.id, 1, 110, 0.03]);
    expect(rows).toContainEqual(['family', '2026-11-02', '', script.id, 1, 0, 0]);
  });

  it('that are only a script keep nothing of it for themselves', async () => {
    const daemon = new Household();
    const family = daemon.register('family');
    const work = daemon.register('work');
    daemon.allow('all', '0.01usd/day');
    daemon.add(family, '50m', { prompt: '', script: 'sleep 600' });
    daemon.agent.answer = ({ script_only: only }) => (only ? 'hold' : costing(0.002));
    await daemon.start();
    await daemon.clock.advance(51 * 60_000);
    await daemon.until(() => daemon.agent.turns.length === 1);
    await daemon.say(work, '@Nina hello');
    await daemon.until(() => daemon.told(work).length === 1);
    expect(daemon.told(work)).toEqual(['done']);
    daemon.agent.finish(daemon.agent.turns[0], { text: 'hi', scripted: true });
    await daemon.until(() => daemon.told(family).length === 1);
  });
});

describe('what an agent reports', () => {
  it('is not believed where the proxy counted more tokens', async () => {
    const daemon = new Household();
    const family = daemon.register('family');
    daemon.allow('family', '1000tokens/day');
    daemon.agent.answer = () => 'hold';
    await daemon.start();
    await daemon.say(family, '@Nina one');
    await daemon.until(() => daemon.agent.turns.length === 1);
    const use = { requests: 1, failures: 0, inputTokens: 900, outputTokens: 200 };
    daemon.db.usage.add('family', '2026-11-02', use);
    daemon.agent.finish(daemon.agent.turns[0], costing(0.001, 5));
    await daemon.until(() => daemon.told(family).length === 1);
    expect(daemon.ledger()).toEqual([['family', '2026-11-02', '1001', '', 1, 1100, 0.001]]);
    await daemon.say(family, '@Nina two');
    await daemon.until(() => daemon.told(family).length === 2);
    expect(daemon.agent.turns).toHaveLength(1);
  });

  it('may be nothing: then what was reserved is charged, also for attempts that fail, and what is asked between turns', async () => {
    const daemon = new Household();
    const family = daemon.register('family');
    daemon.allow('all', '5usd/day');
    const use = { requests: 1, failures: 0, inputTokens: 40, outputTokens: 2 };
    daemon.agent.answer = () => {
      daemon.db.usage.add('family', '2026-11-02', use);
      return failing;
    };
    await daemon.start();
    await daemon.say(family, '@Nina one');
    await daemon.until(() => daemon.db.turns.latestIn(family.chatJid, null)?.state === 'retried');
    expect(daemon.ledger()).toEqual([['family', '2026-11-02', '1001', '', 1, 42, 0.01]]);
    daemon.db.usage.add('family', '2026-11-02', { ...use, inputTokens: 998 });
    daemon.agent.answer = () => costing(0.5);
    await daemon.clock.advance(5000);
    await daemon.until(() => daemon.told(family).length === 1);
    const [between, turns] = daemon.ledger() as unknown[][];
    // By the price of its turns so far, or of the least that one is thought to cost.
    expect(between?.slice(0, 6)).toEqual(['family', '2026-11-02', '', '', 0, 1000]);
    expect(between?.[6]).toBeCloseTo(0.005, 6);
    expect(turns).toEqual(['family', '2026-11-02', '1001', '', 2, 152, 0.51]);
  });
});

describe('an agent that says it has used more than anybody could', () => {
  it('does not use up what all may use', async () => {
    const daemon = new Household();
    const [hostile, family] = [daemon.register('hostile'), daemon.register('family')];
    daemon.allow('all', '50usd/month');
    const use = { requests: 1, failures: 0, inputTokens: 9000, outputTokens: 100 };
    daemon.agent.answer = () => {
      daemon.db.usage.add('hostile', '2026-11-02', use);
      return costing(1e6, 1e9);
    };
    await daemon.start();
    await daemon.say(hostile, '@Nina one');
    await daemon.until(() => daemon.told(hostile).length === 1);
    daemon.agent.answer = () => costing(0.1);
    await daemon.say(family, '@Nina two');
    await daemon.until(() => daemon.told(family).length === 1);
    expect(daemon.told(family)).toEqual(['done']);
    const [, [, , , , , tokens, usd] = []] = daemon.ledger() as unknown[][];
    expect(tokens).toBeGreaterThanOrEqual(9100);
    expect(tokens).toBeLessThan(50_000);
    expect(usd).toBeLessThan(5);
  });
});

describe('a model that costs nothing', () => {
  it('is charged with tokens and no money, whatever the proxy counts', async () => {
    const daemon = new Household();
    Object.assign(daemon.settings, {
      AGENT_PROVIDER: 'openai',
      CONTAINER_RUNTIME: 'docker',
      OPENAI_MODEL: 'qwen3:8b',
      OPENAI_BASE_URL: 'http://127.0.0.1:9/v1',
    });
    const family = daemon.register('family');
    daemon.allow('family', '0.01usd/day');
    const use = { requests: 1, failures: 0, inputTokens: 40, outputTokens: 2 };
    daemon.agent.answer = () => {
      daemon.db.usage.add('family', '2026-11-02', use);
      return { text: 'done' };
    };
    await daemon.start();
    for (const word of ['one', 'two', 'three']) await daemon.say(family, `@Nina ${word}`);
    daemon.db.usage.add('family', '2026-11-02', use);
    await daemon.say(family, '@Nina four');
    await daemon.until(() => daemon.fates(family).every((fate) => fate === 'answered'));
    const cost = daemon.db.allowances.used({ scope: 'group', who: 'family' }, ['2026-11-02', '2026-11-02']);
    expect(cost.cost_usd).toBe(0);
    expect(cost.input_tokens).toBeGreaterThanOrEqual(80);
  });
});

describe('main', () => {
  it('is bound by its own allowance alone, and is asked in its own chat', async () => {
    const daemon = new Household();
    daemon.allow('all', '0.01usd/day');
    daemon.agent.answer = () => costing(0.02);
    await daemon.start();
    for (const word of ['one', 'two']) {
      await daemon.say(daemon.main, `@Nina ${word}`);
      await daemon.until(() => daemon.told(daemon.main).length === daemon.agent.turns.length);
    }
    await daemon.until(() => daemon.agent.turns.length === 2);
    await daemon.say(daemon.main, '/allowance main 0.01usd/month');
    await daemon.say(daemon.main, '@Nina three');
    await daemon.until(() => daemon.told(daemon.main).some((text) => ASKED.test(text)));
    expect(daemon.agent.turns).toHaveLength(2);
    await daemon.say(daemon.main, '/allowance main off');
    await daemon.until(() => daemon.agent.turns.length === 3);
  });
});

describe('a group that becomes a supergroup', () => {
  it('takes what it has used and its allowance along', async () => {
    const daemon = new Household();
    const family = daemon.register('family');
    daemon.allow('family', '0.01usd/day');
    daemon.agent.answer = () => costing(0.015);
    await daemon.start();
    await daemon.say(family, '@Nina one');
    await daemon.until(() => daemon.told(family).length === 1);
    await daemon.say(family, '@Nina two');
    await daemon.until(() => daemon.told(family).length === 2);
    const chat = { id: Number(family.chatJid), type: 'group', title: 'family' };
    const about = { message_id: 99, date: 1_793_606_400, chat, migrate_to_chat_id: -1009 };
    await daemon.happens({ message: { ...about, from: { id: 1001, is_bot: false, first_name: 'Anna' } } });
    const moved = daemon.db.groups.byFolder('family');
    expect(moved?.chatJid).toBe('-1009');
    await daemon.clock.advance(HOUR);
    expect(daemon.agent.turns).toHaveLength(1);
    await daemon.press('Top up');
    await daemon.until(() => moved && daemon.told(moved).includes('done'));
  });
});
