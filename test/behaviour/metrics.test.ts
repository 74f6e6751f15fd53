/** What GET /metrics tells Prometheus: the same as the database, bounded, and nothing of what people say. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ledger } from '../../src/db/ledger.ts';
import { followLedger } from '../../src/metrics/follow-ledger.ts';
import { followUsage } from '../../src/metrics/follow-usage.ts';
import type { ChatJid, Folder, Iso, TurnId } from '../../src/types.ts';
import { type BotApi, type Daemon, startBotApi, TestHome } from '../support/daemon.ts';
import { InnerDaemon } from '../support/inner-daemon.ts';
import { type Family, parseExposition } from '../support/prometheus-text.ts';
import { createWorld } from '../support/world.ts';

const DOCS = path.resolve(import.meta.dirname, '../../docs');

async function scrape(url: string): Promise<{ text: string; families: Map<string, Family> }> {
  const response = await fetch(`${url}/metrics`);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  const text = await response.text();
  return { text, families: parseExposition(text) };
}

/** The value of one series; undefined when there is none. */
function seriesOf(families: Map<string, Family>, name: string, labels: Record<string, string> = {}) {
  const family = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ''));
  return family?.samples.find(
    (one) => one.name === name && JSON.stringify(one.labels) === JSON.stringify(labels),
  )?.value;
}

/** Every series of a counter or gauge that is not 0, by the value of its last label. */
const byLabel = (families: Map<string, Family>, name: string): Record<string, number> =>
  Object.fromEntries(
    (families.get(name)?.samples ?? [])
      .filter(({ value }) => value !== 0)
      .map(({ labels, value }) => [Object.values(labels).at(-1), value]),
  );

describe('a real daemon after some turns', () => {
  let api: BotApi;
  let home: TestHome;
  let daemon: Daemon;
  let chat: number;
  const words = 'words-that-no-metric-may-hold';

  beforeAll(async () => {
    api = await startBotApi();
    home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process' });
    chat = api.group('A family of names');
    home.registerAll([{ chatJid: String(chat), name: 'Family', folder: 'family' }]);
    daemon = await home.start();
    await api.ask(chat, `@Nina ${words}`);
    api.sim.say({ chat, from: 'anna', text: 'not for her' });
    api.sim.say({ chat, from: 'you', text: '@Nina fail' });
    await home.until(() => home.row("SELECT 1 FROM turns WHERE state = 'retried'"), 'the failed attempt');
    await api.ask(chat, '/stop');
    await api.ask(chat, '@Nina remind me in 2 seconds to look at the oven');
    await api.until(() => api.answers(chat).length >= 4, 'the reminder');
    await home.until(
      () =>
        home.row(
          "SELECT 1 FROM (SELECT sum(state <> 'sent') AS left, count(*) AS n FROM outbox) WHERE left = 0 AND n >= 4",
        ),
      'everything to be sent',
    );
    home.write(`INSERT INTO model_usage (group_folder, day, requests, failures, input_tokens, output_tokens, cost_usd) VALUES
      ('family', date('now'), 7, 1, 1200, 34, 0.5), ('gone', date('now'), 2, 0, 10, 20, 0.25)
      ON CONFLICT DO NOTHING`);
  });
  afterAll(async () => {
    await home.dispose();
    await api.close();
  });

  it('agrees with the database', async () => {
    const { families } = await scrape(await daemon.url());
    const counts = (sql: string) =>
      Object.fromEntries(home.rows<{ k: string; n: number }>(sql).map(({ k, n }) => [k, n]));
    expect(byLabel(families, 'nanoclaw_messages_total')).toEqual(
      counts('SELECT disposition AS k, count(*) AS n FROM messages GROUP BY 1'),
    );
    const turns = counts("SELECT kind || ' ' || state AS k, count(*) AS n FROM turns GROUP BY 1");
    expect(turns).toMatchObject({ 'messages done': 2, 'messages retried': 1, 'task done': 1 });
    const counted = families.get('nanoclaw_turns_total')?.samples.filter(({ value }) => value > 0) ?? [];
    expect(
      Object.fromEntries(counted.map(({ labels, value }) => [`${labels.kind} ${labels.outcome}`, value])),
    ).toEqual(turns);
    expect(byLabel(families, 'nanoclaw_turn_errors_total')).toEqual(
      counts('SELECT error_code AS k, count(*) AS n FROM turns WHERE error_code IS NOT NULL GROUP BY 1'),
    );
    expect(byLabel(families, 'nanoclaw_replies_total')).toEqual(
      counts('SELECT state AS k, count(*) AS n FROM outbox GROUP BY 1'),
    );
    expect(byLabel(families, 'nanoclaw_task_runs_total')).toEqual(
      counts('SELECT outcome AS k, count(*) AS n FROM task_runs GROUP BY 1'),
    );
    expect(byLabel(families, 'nanoclaw_turns_open')).toEqual({});
    expect(seriesOf(families, 'nanoclaw_outbox_messages')).toBe(0);
    expect(seriesOf(families, 'nanoclaw_outbox_oldest_age_seconds')).toBe(0);
    expect(seriesOf(families, 'nanoclaw_messages_open')).toBe(0);
    expect(seriesOf(families, 'nanoclaw_groups')).toBe(1);
    expect(seriesOf(families, 'nanoclaw_ready')).toBe(1);
    expect(seriesOf(families, 'nanoclaw_telegram_connected')).toBe(1);
    expect(seriesOf(families, 'nanoclaw_poll_age_seconds')).toBeLessThan(75);
    expect(byLabel(families, 'nanoclaw_containers')).toEqual({ idle: 1 });
    expect(byLabel(families, 'nanoclaw_problems')).toEqual({});
  });

  it('the phases of all turns are those that the database has', async () => {
    const { families } = await scrape(await daemon.url());
    const spent = (from: string, to: string, where = '1') => {
      const ms = `(julianday(${to}) - julianday(${from})) * 86400`;
      const row = home.row<{ n: number; s: number | null }>(
        `SELECT count(*) AS n, sum(max(0, ${ms})) AS s FROM turns
         WHERE ${from} IS NOT NULL AND ${to} IS NOT NULL AND finished_at IS NOT NULL AND ${where}`,
      );
      return { count: row?.n, sum: expect.closeTo(row?.s ?? 0, 2) };
    };
    const phase = (name: string) => ({
      count: seriesOf(families, 'nanoclaw_turn_phase_seconds_count', { phase: name }),
      sum: seriesOf(families, 'nanoclaw_turn_phase_seconds_sum', { phase: name }),
    });
    expect(phase('queue')).toEqual(spent('asked_at', 'queued_at', 'attempt = 1'));
    expect(phase('container')).toEqual(spent('queued_at', 'agent_started_at'));
    expect(phase('reply')).toEqual(spent('first_output_at', 'finished_at'));
    expect(phase('container').count).toBeGreaterThanOrEqual(4);
    expect({
      count: seriesOf(families, 'nanoclaw_answer_seconds_count'),
      sum: seriesOf(families, 'nanoclaw_answer_seconds_sum'),
    }).toEqual(spent('asked_at', 'finished_at', "kind = 'messages' AND state = 'done'"));
    expect(seriesOf(families, 'nanoclaw_task_lateness_seconds_count')).toBe(1);
    expect(seriesOf(families, 'nanoclaw_delivery_seconds_count')).toBe(
      home.row<{ n: number }>("SELECT count(*) AS n FROM outbox WHERE state = 'sent'")?.n,
    );
  });

  it('groups are named while they are registered; the others are one', async () => {
    const { families } = await scrape(await daemon.url());
    expect(byLabel(families, 'nanoclaw_model_requests_total')).toEqual({ family: 7, '(unregistered)': 2 });
    expect(seriesOf(families, 'nanoclaw_model_tokens_total', { group: 'family', direction: 'input' })).toBe(
      1200,
    );
    expect(seriesOf(families, 'nanoclaw_model_cost_usd_total', { group: 'family' })).toBe(0.5);
    expect(seriesOf(families, 'nanoclaw_model_request_failures_total', { group: 'family' })).toBe(1);
    const values = [...families.values()].flatMap(({ samples }) => samples.map(({ labels }) => labels.group));
    expect(new Set(values.filter((group) => group !== undefined))).toEqual(
      new Set(['family', '(unregistered)']),
    );
  });

  it('holds nothing of what people say, nor who they are', async () => {
    const { text } = await scrape(await daemon.url());
    for (const secret of [
      words,
      'oven',
      'A family of names',
      'Family',
      'nina_bot',
      String(chat),
      home.dir,
      api.sim.token,
    ])
      expect(text).not.toContain(secret);
    for (const { sender_name: name } of home.rows<{ sender_name: string }>(
      'SELECT DISTINCT sender_name FROM messages',
    ))
      expect(text).not.toContain(name);
  });

  it('names and units are as Prometheus’ naming practice has them', async () => {
    const { families } = await scrape(await daemon.url());
    const ours = [...families].filter(([name]) => name.startsWith('nanoclaw_'));
    expect(ours.length).toBeGreaterThan(30);
    for (const [name, { type, help }] of ours) {
      expect(name).toMatch(/^[a-z]+(_[a-z]+)*$/);
      expect(name.endsWith('_total')).toBe(type === 'counter');
      expect(name).not.toMatch(/_(ms|milliseconds|minutes|kb|mb|percent)(_|$)/);
      if (type === 'histogram') expect(name).toMatch(/_seconds$/);
      expect(help).toMatch(/\S.*[.)]$/);
    }
    for (const name of [
      'process_cpu_seconds_total',
      'process_resident_memory_bytes',
      'process_start_time_seconds',
    ])
      expect(families.has(name)).toBe(true);
  });

  it('the dashboard and the alert rules ask only for what is there', async () => {
    const { families } = await scrape(await daemon.url());
    const dashboard = JSON.parse(readFileSync(path.join(DOCS, 'grafana-dashboard.json'), 'utf8')) as {
      panels: { title: string; targets?: { expr: string }[] }[];
      templating: { list: { query: string | { query: string } }[] };
    };
    const rules = readFileSync(path.join(DOCS, 'operations.md'), 'utf8')
      .split('```yaml')
      .slice(1)
      .map((part) => part.split('```')[0] ?? '')
      .flatMap((yaml) => [...yaml.matchAll(/expr: (.+)/g)].map((match) => match[1] ?? ''));
    const expressions = [
      ...dashboard.panels.flatMap((panel) => panel.targets ?? []).map(({ expr }) => expr),
      ...dashboard.templating.list.map(({ query }) => (typeof query === 'string' ? '' : query.query)),
    ];
    expect(expressions.length).toBeGreaterThan(25);
    expect(rules.length).toBeGreaterThanOrEqual(5);
    for (const expression of [...expressions, ...rules].filter((one) => one !== '')) {
      const names = expression.match(/\b(nanoclaw|process|nodejs)_\w+/g) ?? [];
      expect(names.length, expression).toBeGreaterThan(0);
      for (const name of names) {
        const base = name.replace(/_(bucket|sum|count)$/, '');
        expect(families.has(name) || families.get(base)?.type === 'histogram', name).toBe(true);
      }
      const labels = Object.keys(
        Object.fromEntries([...expression.matchAll(/(\w+)(?:=~?|!=)"/g)].map((match) => [match[1], 1])),
      ).filter((label) => label !== 'instance' && label !== 'job');
      for (const label of labels)
        expect(
          families.get(names[0] ?? '')?.samples.some((sample) => label in sample.labels),
          label,
        ).toBe(true);
    }
    const shown = expressions.join(' ');
    const ours = [...families.keys()].filter((name) => name.startsWith('nanoclaw_'));
    const left = ours.filter((name) => !shown.includes(name));
    expect(left).toEqual(['nanoclaw_telegram_connected', 'nanoclaw_groups']);
  });
});

it('after a restart turns are counted from 0, messages go on, and a turn that was open counts once', async () => {
  const daemon = new InnerDaemon();
  const family = daemon.register('family');
  await daemon.start();
  await daemon.say(family, '@Nina one');
  await daemon.until(() => daemon.told(family).length === 1);
  daemon.agent.answer = () => 'hold';
  await daemon.say(family, '@Nina two');
  await daemon.until(() => daemon.agent.turns.length === 2);
  const before = (await scrape(daemon.app?.url() ?? '')).families;
  const done = { kind: 'messages', outcome: 'done' };
  expect(seriesOf(before, 'nanoclaw_turns_total', done)).toBe(1);
  expect(seriesOf(before, 'nanoclaw_messages_total', { disposition: 'answered' })).toBe(1);
  expect(seriesOf(before, 'nanoclaw_turns_open', { state: 'running' })).toBe(1);
  expect(seriesOf(before, 'nanoclaw_messages_open')).toBe(1);

  await daemon.stop();
  await daemon.start();
  daemon.agent.finish(daemon.agent.turns[1], { text: 'two' });
  await daemon.until(() => daemon.told(family).length === 2);
  for (const time of ['first', 'second']) {
    const after = (await scrape(daemon.app?.url() ?? '')).families;
    expect({ time, turns: seriesOf(after, 'nanoclaw_turns_total', done) }).toEqual({ time, turns: 1 });
    expect(seriesOf(after, 'nanoclaw_messages_total', { disposition: 'answered' })).toBe(2);
    expect(seriesOf(after, 'nanoclaw_answer_seconds_count')).toBe(1);
  }
});

describe('a ledger that is followed', () => {
  const none = { threadId: null, fromSeq: null, toSeq: null, omitted: 0, sessionId: null, messages: [] };
  const at = '2026-11-02T08:00:00.000Z' as Iso;

  function turns() {
    const { db } = createWorld();
    let count = 0;
    const begin = (): TurnId => {
      count += 1;
      const id = `00000000-0000-4000-8000-${String(count).padStart(12, '0')}` as TurnId;
      const chatJid = `-${count}` as ChatJid;
      db.turns.claim({ id, chatJid, folder: 'family' as Folder, kind: 'messages', attempt: 1, at, ...none });
      return id;
    };
    return { db, begin, end: (id: TurnId) => db.turns.finish(id, 'done', at, null, null) };
  }

  it('tells of each end once: not of those before, of those that were open, of a thousand at once', async () => {
    const { db, begin, end } = turns();
    end(begin());
    const open = begin();
    const told: number[] = [];
    const look = followLedger(db.ledger.turns, ({ key }) => told.push(key));
    await look();
    expect(told).toEqual([]);
    const later = begin();
    end(open);
    await look();
    await look();
    expect(told).toEqual([2]);
    db.transaction(() => {
      for (let i = 0; i < 1200; i += 1) end(begin());
    });
    end(later);
    await look();
    expect(told).toHaveLength(1202);
    expect(new Set(told).size).toBe(1202);
  });

  it('does not count what was rolled back, nor a row that retention took away', async () => {
    const { db, begin, end } = turns();
    const told: number[] = [];
    const look = followLedger(db.ledger.turns as Ledger<{ key: number; isOver: boolean }>, ({ key }) =>
      told.push(key),
    );
    const gone = begin();
    const kept = begin();
    await look();
    expect(() =>
      db.transaction(() => {
        end(kept);
        throw new Error('a full disk');
      }),
    ).toThrow('a full disk');
    db.sqlite.prepare('DELETE FROM turns WHERE id = ?').run(gone);
    await look();
    expect(told).toEqual([]);
    end(kept);
    await look();
    expect(told).toEqual([2]);
  });

  it('usage counts up over midnight, over days without a look, and over a clock that is set back', () => {
    const { db, clock } = createWorld();
    const use = (day: string, requests: number) =>
      db.usage.add('family', day, { requests, failures: 0, inputTokens: 0, outputTokens: 0 });
    use('2026-11-01', 5);
    use('2026-11-02', 5);
    const look = followUsage(db.ledger, () => clock.now());
    const total = () => look().get('family')?.requests;
    expect(total()).toBe(0);
    use('2026-11-01', 1); // written a moment after midnight
    use('2026-11-02', 1);
    expect(total()).toBe(2);
    clock.jump(4 * 86_400_000);
    use('2026-11-03', 3);
    use('2026-11-04', 3);
    use('2026-11-06', 3);
    expect(total()).toBe(11);
    expect(total()).toBe(11);
    clock.jump(-4 * 86_400_000);
    expect(total()).toBe(11);
    use('2026-11-02', 1);
    expect(total()).toBe(12);
  });
});
