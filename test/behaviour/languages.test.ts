/**
 * What the daemon itself says is said in the language of whoever asked last, or in the one that the group is set to. What
 * was said stays as it was said; the database, the command line and the model are told in English.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { changeGroup } from '../../src/registry.ts';
import { findTask } from '../../src/tasks.ts';
import { type Group, iso } from '../../src/types.ts';
import { wordsOf } from '../../src/words.ts';
import { runCli } from '../support/cli.ts';
import { type BotApi, startBotApi, TestHome } from '../support/daemon.ts';
import { InnerDaemon } from '../support/inner-daemon.ts';
import { refusal } from '../support/scripted-telegram.ts';
import {
  BOT,
  commandText,
  createWorld,
  FAMILY,
  messageUpdate,
  outboxRows,
  routerOf,
} from '../support/world.ts';

const DE = wordsOf('de');
const EN = wordsOf('en');

describe('a daemon whose people speak German', () => {
  let daemon: InnerDaemon;
  let main: Group;
  let family: Group;

  beforeEach(async () => {
    daemon = new InnerDaemon();
    main = daemon.register('main', { isMain: true });
    family = daemon.register('family', { timezone: 'Europe/Berlin' });
    daemon.language = 'de-AT';
    await daemon.start();
  });
  const answer = async (group: Group, text: string, replyTo?: number): Promise<string> => {
    const before = daemon.told(group).length;
    await daemon.say(group, text, replyTo);
    await daemon.until(() => daemon.told(group).length > before);
    return daemon.told(group).at(-1) ?? '';
  };

  it('helps, and tells how it is, in German; and in English whoever asks next and speaks something else', async () => {
    const help = await answer(family, '/help');
    expect(help).toContain('Ich bin Nina. Befehle:');
    expect(help).toContain('Schreib @Nina irgendwo');
    expect(help).toContain('/stop [all] – beenden, was ich hier gerade tue; all: in allen Themen der Gruppe');
    expect(await answer(family, '/status')).toMatch(
      /^Ich laufe seit .*\nAlles in Ordnung\.\nHier: Gerade ist nichts los\.$/s,
    );
    daemon.language = 'fr';
    expect(await answer(family, '/help')).toContain('I am Nina. Commands:');
  });

  it('tells a failure, what waits for a limit, and its end, in German', async () => {
    daemon.agent.answer = () => ({
      status: 'error',
      error: { code: 'max_turns', message: 'as the test says' },
    });
    expect(await answer(family, '@Nina eins')).toBe(DE.failures.max_turns);
    const resets_at = '2026-11-02T10:30:00.000Z';
    daemon.agent.answer = () => ({
      status: 'error',
      error: { code: 'quota', message: 'used up', resets_at },
    });
    expect(await answer(family, '@Nina zwei')).toBe(
      'Das Kontingent für das Modell ist aufgebraucht. Deine Nachricht ist aufgehoben; ich versuche es wieder: Mo., 2.11.2026, 11:30.',
    );
    // Nobody has asked anything in main.
    expect(daemon.told(main)[0]).toMatch(/^The limit of the model account is used up/);
    expect(daemon.db.sqlite.prepare("SELECT detail FROM problems WHERE kind = 'quota'").pluck().get()).toBe(
      'used up',
    );
  });

  it('stops, and says why, in German; the database keeps the reason in English', async () => {
    daemon.agent.answer = () => 'hold';
    const asked = await daemon.say(family, '@Nina lange');
    await daemon.until(() => daemon.agent.turns.length === 1);
    expect(await answer(family, '/stop')).toBe('Angehalten.');
    await daemon.clock.advance(2000);
    await daemon.until(() => daemon.db.turns.openOf(family.chatJid).length === 0);
    const why = await answer(family, '/why', asked);
    expect(why).toMatch(/^Nachricht 1 von Anna, /);
    expect(why).toContain('Für Nina bestimmt (sie nennt ihren Namen); angehalten von telegram:1001.');
    expect(why).not.toMatch(/\.\.$/m);
    expect(
      daemon.db.sqlite.prepare("SELECT reason FROM messages WHERE disposition = 'stopped'").pluck().get(),
    ).toBe('by telegram:1001');
  });

  it('lists tasks, refuses, and tells of a task that failed, in German, each time in the zone of its group', async () => {
    const task = daemon.add(family, '0 9 * * *');
    expect(await answer(family, '/tasks')).toBe(
      `${task.id}: cron 0 9 * * *, nächster Lauf Di., 3.11.2026, 09:00 (Europe/Berlin) – look at the weather`,
    );
    daemon.agent.answer = () => ({
      status: 'error',
      error: { code: 'max_turns', message: 'as the test says' },
    });
    await daemon.clock.advance(24 * 3_600_000);
    await daemon.until(() => daemon.told(family).length === 2);
    expect(daemon.told(family)[1]).toBe(
      `Aufgabe ${task.id} („look at the weather“) ist fehlgeschlagen. ${DE.failures.max_turns} (nächster Lauf Mi., 4.11.2026, 09:00 (Europe/Berlin))`,
    );
    expect(await answer(main, `/pause ${task.id}`)).toBe(`Aufgabe ${task.id} ist angehalten.`);
    expect(await answer(main, `/pause ${task.id}`)).toBe(
      `Das ging nicht: Aufgabe ${task.id} ist schon angehalten.`,
    );
    expect(findTask(daemon.rules, task.id, null).statusReason).toBe('paused by telegram:1001');
    expect(await answer(family, '/tasks')).toContain('angehalten (von telegram:1001)');
    expect(await answer(main, '/register -100 Bad!')).toMatch(/^Das ging nicht: Ordner: erwartet werden/);
  });

  it('says in German that Telegram refused a reply, and does not take that for another reply', async () => {
    daemon.agent.answer = () => ({ text: 'hier' });
    daemon.telegram.onSend = () => {
      throw refusal(400, 'Bad Request: as the test says');
    };
    await daemon.say(family, '@Nina eins');
    await daemon.until(() => daemon.telegram.asked.length >= 2);
    await daemon.clock.advance(120_000);
    expect(daemon.telegram.asked.map(({ text }) => text)).toEqual(['hier', DE.refusedByTelegram]);
  });

  it('keeps to the language that a group is set to, in chat and in its menu', async () => {
    const registry = {
      db: daemon.db,
      home: daemon.home,
      assistantName: 'Nina',
      now: () => iso(daemon.clock.now()),
    };
    changeGroup(registry, { ...family, language: 'en' }, 'language', 'test');
    expect(await answer(family, '/new')).toBe(EN.freshConversation);
    changeGroup(registry, { ...family, language: 'de' }, 'language', 'test');
    daemon.language = 'en';
    expect(await answer(family, '/new')).toBe(DE.freshConversation);
  });

  it('takes its language along when the group becomes a supergroup', async () => {
    await answer(family, '/ping');
    const to = '-1002000000009' as Group['chatJid'];
    daemon.db.transaction(() => daemon.db.groups.migrate(family.chatJid, to));
    expect(daemon.db.languages.of(to)).toBe('de');
  });
});

describe('who is no group', () => {
  it('is told in German, too, by the Telegram of who writes; what does not look like a language is none', () => {
    const world = createWorld();
    world.register({ chatJid: '4711', isMain: true, folder: 'main' });
    const router = routerOf(world);
    const hello = (id: number, language_code: unknown) =>
      router.accept(
        BOT,
        [
          messageUpdate(id, {
            chat: id,
            text: 'hallo',
            more: { from: { id, is_bot: false, first_name: 'X', language_code } },
          }),
        ],
        id + 1,
      );
    for (const [id, code] of [
      [101, 'de'],
      [102, 'en'],
      [103, 'x'.repeat(5000)],
      [104, { de: 1 }],
      [105, undefined],
    ] as const)
      hello(id, code);
    expect(outboxRows(world.db).map(({ text }) => text)).toEqual([
      DE.notForYou('Nina'),
      ...Array.from({ length: 4 }, () => EN.notForYou('Nina')),
    ]);
    expect(world.db.sqlite.prepare('SELECT DISTINCT language FROM chats ORDER BY 1').pluck().all()).toEqual([
      null,
      'de',
      'en',
    ]);
  });

  it('a person who may not ask does not change a group’s language', () => {
    const world = createWorld();
    const group = world.register();
    const router = routerOf(world, {
      people: {
        standing: (_, sender) =>
          sender === '1001' ? { admitted: true } : { admitted: false, others: 'context', reason: 'no' },
      },
    });
    const say = (id: number, sender: number, language_code: string) =>
      router.accept(
        BOT,
        [
          messageUpdate(id, {
            chat: FAMILY,
            ...commandText('/ping'),
            more: { from: { id: sender, is_bot: false, first_name: 'X', language_code } },
          }),
        ],
        id + 1,
      );
    say(1, 1001, 'de');
    say(2, 1002, 'en');
    expect(world.db.languages.of(group.chatJid)).toBe('de');
  });
});

describe('menus', () => {
  it('are offered in the language of who reads them; a group’s own setting goes for all', async () => {
    const api: BotApi = await startBotApi();
    const home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process' });
    try {
      const family = api.group('Family', 'you');
      home.registerAll([{ chatJid: String(family), name: 'Family', folder: 'family' }]);
      await home.start();
      const described = async (language?: string): Promise<string | undefined> => {
        const body = JSON.stringify({
          scope: { type: 'chat', chat_id: family },
          ...(language === undefined ? {} : { language_code: language }),
        });
        const headers = { 'content-type': 'application/json' };
        const answer = await fetch(`${api.url}/bot${api.sim.token}/getMyCommands`, {
          method: 'POST',
          headers,
          body,
        });
        const { result } = (await answer.json()) as { result: { command: string; description: string }[] };
        return result.find(({ command }) => command === 'stop')?.description;
      };
      const noted = (scope: string) => home.row('SELECT 1 FROM command_menus WHERE scope = ?', scope);
      await home.until(() => noted(`${family}`) && noted(`${family} de`), 'both menus to be set');
      expect([await described(), await described('de')]).toEqual([
        EN.commands.stop.menu,
        DE.commands.stop.menu,
      ]);
      expect((await runCli(home, {}, 'groups', 'set', 'family', '--language', 'de')).code).toBe(0);
      await home.until(() => noted(`${family} de`) === undefined, 'the second menu to go');
      expect(await described()).toBe(DE.commands.stop.menu);
    } finally {
      await home.dispose();
      await api.close();
    }
  });
});
