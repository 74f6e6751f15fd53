/**
 * What a chat sees of a turn that takes its time, in the whole daemon with a stepped clock: a message that is sent once and
 * without a sound, changed in place, and deleted when the answer has come; a draft where the chat is private; a stop button.
 */
import { describe, expect, it } from 'vitest';
import { runTaskNow } from '../../src/tasks.ts';
import type { Group, GroupChoices } from '../../src/types.ts';
import { InnerDaemon } from '../support/inner-daemon.ts';
import { refusal, tooMany } from '../support/scripted-telegram.ts';

/** One request that shows something, and nobody's answer. */
type Seen =
  | { did: 'send' | 'edit'; text: string; id: number; at: number; button: string | null }
  | { did: 'delete'; id: number; at: number }
  | { did: 'draft'; text: string; id: number; at: number };

class Watched extends InnerDaemon {
  readonly seen: Seen[] = [];
  /** Throws, to refuse. */
  refuse: (did: Seen['did']) => void | Promise<void> = () => {};
  #ids = 9000;

  constructor() {
    super();
    this.agent.answer = () => 'hold';
    const { telegram, clock } = this;
    const send = telegram.sendMessage;
    const at = () => clock.monotonic();
    telegram.sendMessage = async (message) => {
      if (!message.silent) return await send(message);
      this.#ids += 1;
      const button = message.keyboard?.inline_keyboard[0]?.[0];
      const data = button && 'callback_data' in button ? (button.callback_data ?? null) : null;
      this.seen.push({ did: 'send', text: message.text, id: this.#ids, at: at(), button: data });
      await this.refuse('send');
      return this.#ids;
    };
    telegram.editMessage = async ({ text, messageId, keyboard }) => {
      const button = keyboard?.inline_keyboard[0]?.[0];
      const data = button && 'callback_data' in button ? (button.callback_data ?? null) : null;
      this.seen.push({ did: 'edit', text, id: messageId, at: at(), button: data });
      await this.refuse('edit');
    };
    telegram.deleteMessage = async (_, messageId) => {
      this.seen.push({ did: 'delete', id: messageId, at: at() });
      await this.refuse('delete');
    };
    telegram.sendDraft = async ({ text, draftId }) => {
      this.seen.push({ did: 'draft', text, id: draftId, at: at() });
      await this.refuse('draft');
    };
  }

  /** Of a group with this setting; returns it once its turn runs. */
  async ask(
    text = '@Nina think',
    more: Parameters<InnerDaemon['register']>[1] & { progress?: GroupChoices['progress'] } = {},
  ): Promise<Group> {
    const { progress = 'progress', ...rest } = more;
    const group = { ...this.register('family', rest), progress };
    this.db.groups.update(group);
    await this.start();
    await this.say(group, text);
    await this.until(() => this.agent.turns.length === 1);
    return group;
  }

  async activity(activity: string, draft?: string): Promise<void> {
    this.agent.event(this.agent.turns.at(-1), {
      type: 'progress',
      activity,
      ...(draft === undefined ? {} : { draft }),
    });
    await this.clock.advance(5000);
  }

  what(): string[] {
    return this.seen.map((each) => (each.did === 'delete' ? 'delete' : `${each.did} ${each.text}`));
  }

  standing(): number {
    return this.db.progress.all().length;
  }
}

describe('a turn of a group', () => {
  it('is shown after 20 s, changed in place, and its message is deleted after the answer came', async () => {
    const daemon = new Watched();
    const group = await daemon.ask();
    await daemon.clock.advance(19_000);
    expect(daemon.seen).toEqual([]);
    await daemon.clock.advance(1000);
    expect(daemon.what()).toEqual(['send Working for 20 s …']);
    await daemon.activity('Bash');
    expect(daemon.what().at(-1)).toBe('edit Working for 20 s: Bash …');
    await daemon.clock.advance(5000);
    expect(daemon.what().at(-1)).toBe('edit Working for 30 s: Bash …');
    expect(new Set(daemon.seen.map(({ id }) => id)).size).toBe(1);

    daemon.agent.finish(daemon.agent.turns[0], { text: 'the answer' });
    await daemon.until(() => daemon.standing() === 0);
    expect(daemon.told(group)).toEqual(['the answer']);
    expect(daemon.what().at(-1)).toBe('delete');
    const edits = daemon.seen.length;
    await daemon.clock.advance(60_000);
    expect(daemon.seen).toHaveLength(edits);
  });

  it('is changed at most every five seconds, and not at all when nothing changes', async () => {
    const daemon = new Watched();
    await daemon.ask();
    await daemon.clock.advance(20_000);
    for (let n = 0; n < 20; n += 1) {
      daemon.agent.event(daemon.agent.turns[0], { type: 'progress', activity: `tool${n}` });
      await daemon.clock.advance(1000);
    }
    const times = daemon.seen.map(({ at }) => at);
    expect(times.length).toBeGreaterThan(2);
    for (const [n, at] of times.entries()) expect(at - (times[n - 1] ?? -5000)).toBeGreaterThanOrEqual(5000);
    await daemon.clock.advance(600_000);
    const before = daemon.seen.length;
    await daemon.clock.advance(59_000);
    expect(daemon.seen.length - before).toBeLessThanOrEqual(1); // by now its time is told by the minute
  });

  it('shows names only, whatever an agent calls what it does', async () => {
    const daemon = new Watched();
    await daemon.ask();
    await daemon.clock.advance(20_000);
    await daemon.activity('the password is <hunter2>');
    expect(daemon.what().at(-1)).toBe('edit Working for 20 s: working …');
    await daemon.activity('x'.repeat(41));
    expect(daemon.what().at(-1)).toMatch(/: working …$/);
  });

  it.each(['off', 'typing'] as const)('with progress %s is not shown', async (progress) => {
    const daemon = new Watched();
    let typings = 0;
    daemon.telegram.sendTyping = async () => {
      typings += 1;
    };
    await daemon.ask('@Nina think', { progress });
    await daemon.clock.advance(60_000);
    expect(daemon.seen).toEqual([]);
    expect(typings > 0).toBe(progress === 'typing');
  });

  it('that is over before is not shown, and a task that came due by itself neither', async () => {
    const daemon = new Watched();
    const group = daemon.register('family');
    const task = daemon.add(group, '0 9 * * *');
    await daemon.start();
    await daemon.clock.advance(3_600_000);
    await daemon.until(() => daemon.agent.turns.length === 1);
    await daemon.clock.advance(60_000);
    expect(daemon.seen).toEqual([]);
    daemon.agent.finish(daemon.agent.turns[0], { text: 'done' });
    await daemon.until(() => daemon.told(group).length === 1);
    runTaskNow(daemon.rules, task, 'telegram:1001');
    daemon.poke();
    await daemon.until(() => daemon.agent.turns.length === 2);
    await daemon.clock.advance(21_000);
    expect(daemon.what()).toHaveLength(1); // somebody has asked for this one
  });

  it('loses no answer and sends no second message when Telegram refuses what shows it', async () => {
    const daemon = new Watched();
    daemon.refuse = () => {
      throw refusal(400, 'Bad Request: not enough rights');
    };
    const group = await daemon.ask();
    await daemon.clock.advance(20_000);
    await daemon.activity('Bash');
    await daemon.activity('Read');
    await daemon.clock.advance(300_000);
    expect(daemon.seen).toHaveLength(1);
    daemon.agent.finish(daemon.agent.turns[0], { text: 'the answer' });
    await daemon.until(() => daemon.told(group).length === 1);
    expect(daemon.standing()).toBe(0);
  });

  it('a deletion that Telegram puts off is tried again; one that it refuses is not', async () => {
    const daemon = new Watched();
    await daemon.ask();
    await daemon.clock.advance(20_000);
    let refusals = 0;
    daemon.refuse = (did) => {
      if (did !== 'delete') return;
      refusals += 1;
      if (refusals === 1) throw tooMany(7);
      if (refusals === 2) throw refusal(502, 'Bad Gateway');
      throw refusal(400, 'Bad Request: message to delete not found');
    };
    daemon.agent.finish(daemon.agent.turns[0], { text: 'the answer' });
    await daemon.clock.advance(60_000);
    expect(refusals).toBe(3);
    expect(daemon.standing()).toBe(0);
    await daemon.clock.advance(3_600_000);
    expect(refusals).toBe(3);
  });

  it('an edit that is under way when the turn ends is over before the message goes', async () => {
    const daemon = new Watched();
    const group = await daemon.ask();
    await daemon.clock.advance(20_000);
    const { promise, resolve } = Promise.withResolvers<void>();
    daemon.refuse = (did) => (did === 'edit' ? promise : undefined);
    await daemon.activity('Bash');
    daemon.agent.finish(daemon.agent.turns[0], { text: 'the answer' });
    await daemon.until(() => daemon.told(group).length === 1); // which does not wait for it
    await daemon.clock.advance(30_000);
    expect(daemon.what().at(-1)).toBe('edit Working for 20 s: Bash …');
    resolve();
    await daemon.until(() => daemon.standing() === 0);
    expect(daemon.what().at(-1)).toBe('delete');
  });
});

describe('a restart', () => {
  it('goes on with the message of a turn that goes on', async () => {
    const daemon = new Watched();
    const group = await daemon.ask();
    await daemon.clock.advance(20_000);
    await daemon.stop();
    expect(daemon.standing()).toBe(1);
    await daemon.start();
    await daemon.clock.advance(10_000);
    expect(daemon.what().filter((each) => each.startsWith('send'))).toHaveLength(1);
    expect(daemon.what().at(-1)).toMatch(/^edit Working for 30 s/);
    daemon.agent.finish(daemon.agent.turns[0], { text: 'the answer' });
    await daemon.until(() => daemon.standing() === 0);
    expect(daemon.told(group)).toEqual(['the answer']);
    expect(daemon.what().at(-1)).toBe('delete');
  });

  it('deletes the message of a turn that ended meanwhile, once its answer was sent', async () => {
    const daemon = new Watched();
    const group = await daemon.ask();
    await daemon.clock.advance(20_000);
    await daemon.stop();
    daemon.agent.finish(daemon.agent.turns[0], { text: 'the answer' });
    await daemon.start();
    await daemon.until(() => daemon.standing() === 0);
    expect(daemon.told(group)).toEqual(['the answer']);
    expect(daemon.what().at(-1)).toBe('delete');
  });
});

describe('a private chat', () => {
  const person = { chatJid: '1001', requiresTrigger: false };

  it('sees the answer as a draft while it is written, refreshed before Telegram takes it away', async () => {
    const daemon = new Watched();
    const group = await daemon.ask('think', person);
    await daemon.activity('writing', 'Once');
    expect(daemon.what()).toEqual(['draft Once']);
    await daemon.activity('writing', 'Once **upon** a time');
    expect(daemon.what().at(-1)).toBe('draft Once upon a time');
    const before = daemon.seen.length;
    await daemon.clock.advance(40_000);
    expect(daemon.seen.length - before).toBe(2);
    expect(new Set(daemon.seen.map(({ id }) => id))).toEqual(
      new Set([daemon.db.turns.latest(group.chatJid, 'messages')?.seq]),
    );
    daemon.agent.finish(daemon.agent.turns[0], { text: 'Once upon a time.' });
    await daemon.until(() => daemon.told(group).length === 1);
    const after = daemon.seen.length;
    await daemon.clock.advance(60_000);
    expect(daemon.seen).toHaveLength(after);
    expect(daemon.standing()).toBe(0);
  });

  it('sees what is done after 20 s, as long as nothing was written', async () => {
    const daemon = new Watched();
    await daemon.ask('think', person);
    await daemon.activity('Bash');
    await daemon.clock.advance(14_000);
    expect(daemon.seen).toEqual([]);
    await daemon.clock.advance(1000);
    expect(daemon.what()).toEqual(['draft Working for 20 s: Bash …']);
  });

  it('of a server that knows no drafts gets the message, and the server is not asked again', async () => {
    const daemon = new Watched();
    daemon.refuse = (did) => {
      if (did === 'draft') throw refusal(404, 'Not Found');
    };
    const group = await daemon.ask('think', person);
    await daemon.activity('writing', 'Once');
    await daemon.clock.advance(15_000);
    expect(daemon.what()).toEqual(['draft Once', 'send Working for 20 s: writing …']);
    daemon.agent.finish(daemon.agent.turns[0], { text: 'Once.' });
    await daemon.until(() => daemon.standing() === 0);
    await daemon.say(group, 'again');
    await daemon.until(() => daemon.agent.turns.length === 2);
    await daemon.activity('writing', 'Twice');
    expect(daemon.what().filter((each) => each.startsWith('draft'))).toHaveLength(1);
  });
});
