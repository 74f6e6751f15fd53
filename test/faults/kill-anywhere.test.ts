/**
 * SIGKILL at moments that nobody chose, again and again, while people keep writing: every message is answered, none
 * twice. A reply whose send was cut off may come once more, and then bears the mark; one that was cut off in its repeat,
 * too, is given up, since nobody knows whether it arrived. Real processes.
 */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { REPEAT_MARK } from '../../src/router/delivery.ts';
import { type BotApi, startBotApi, TestHome } from '../support/daemon.ts';

const GROUPS = 4;
const ROUNDS = 8;
const PER_ROUND = 6;

let api: BotApi;
let home: TestHome;

beforeEach(async () => {
  api = await startBotApi();
  home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process', MAX_CONCURRENT_CONTAINERS: '2' });
});
afterEach(async () => {
  await home.dispose();
  await api.close();
});

it.each([1, 2, 3])(
  'killed eight times while 48 messages come (seed %i)',
  async (seed) => {
    const random = seeded(seed);
    const chats = Array.from({ length: GROUPS }, (_, n) => api.group(`Group ${n}`));
    home.registerAll(
      chats.map((chat, n) => ({ chatJid: String(chat), name: `Group ${n}`, folder: `g-${n}` })),
    );
    const words = chats.map((): string[] => []);

    for (let round = 0; round < ROUNDS; round += 1) {
      const daemon = home.spawn();
      // The moment: after some number of its calls, whatever they are, and a little after that.
      const moment = calls(api, 1 + Math.floor(random() * 14));
      for (let n = 0; n < PER_ROUND; n += 1) {
        const at = Math.floor(random() * GROUPS);
        const word = `word-${round}-${n}-end`;
        words[at]?.push(word);
        api.sim.say({ chat: chats[at] ?? 0, from: 'you', text: `@Nina ${word}` });
      }
      await moment;
      for (let turns = Math.floor(random() * 20); turns > 0; turns -= 1) await new Promise(setImmediate);
      await daemon.kill('SIGKILL');
    }

    await home.start();
    const settled = "SELECT count(*) AS n FROM messages WHERE disposition = 'answered'";
    await home.until(() => home.row(settled)?.n === ROUNDS * PER_ROUND, 'all to be answered', 60_000);
    const open = "SELECT count(*) AS n FROM outbox WHERE state NOT IN ('sent', 'failed')";
    await home.until(() => home.row(open)?.n === 0, 'all to be sent', 60_000);
    // Cut off, repeated and cut off again: nobody knows, and it is not tried a third time.
    const given = home.rows<{ text: string; repeated: number }>(
      "SELECT text, repeated FROM outbox WHERE state = 'failed'",
    );
    for (const entry of given) expect(entry.repeated).toBe(1);
    const unknown = new Set(wordsIn(given.map(({ text }) => text)));

    for (const [at, chat] of chats.entries()) {
      const answers = api.answers(chat);
      const isRepeat = (text: string) => text.startsWith(REPEAT_MARK);
      const once = wordsIn(answers.filter((text) => !isRepeat(text)));
      const repeats = wordsIn(answers.filter(isRepeat));
      expect(new Set(once).size).toBe(once.length);
      expect(new Set(repeats).size).toBe(repeats.length);
      const arrived = new Set([...once, ...repeats]);
      const said = words[at] ?? [];
      expect([...arrived].filter((word) => !said.includes(word))).toEqual([]);
      expect(said.filter((word) => !arrived.has(word) && !unknown.has(word))).toEqual([]);
    }
    // One answer in one turn for each message, whatever was tried before.
    const turnsPerMessage = home.rows(
      `SELECT m.content, count(*) AS n FROM messages m JOIN outbox o ON o.turn_id = m.turn_id
     WHERE m.is_bot_message = 0 GROUP BY m.seq HAVING n <> 1`,
    );
    expect(turnsPerMessage).toEqual([]);
  },
  120_000,
);

/** Resolves when the daemon has made so many calls, or when it has nothing more to call for. */
function calls(bot: BotApi, count: number): Promise<void> {
  return new Promise((resolve) => {
    let left = count;
    let idle: NodeJS.Timeout | undefined;
    const done = () => {
      clearTimeout(idle);
      stop();
      resolve();
    };
    const stop = bot.sim.on('call', () => {
      left -= 1;
      clearTimeout(idle);
      idle = setTimeout(done, 300);
      if (left <= 0) done();
    });
  });
}

const wordsIn = (texts: readonly string[]): string[] => texts.join('\n').match(/word-\d+-\d+-end/g) ?? [];

/** mulberry32 */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
