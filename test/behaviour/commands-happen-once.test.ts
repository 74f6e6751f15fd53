/** What an agent leaves in its mailbox: done once, by whom policy allows, with an answer; events in order. */
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { groupPaths } from '../../src/mailbox/layout.ts';
import { eventFileName } from '../../src/protocol.ts';
import { chatJid, iso, type TurnId, turnId } from '../../src/types.ts';
import { createMailboxWorld, send, textEvent } from '../support/mailbox.ts';
import { FAMILY, outboxRows } from '../support/world.ts';

const FAMILY_JID = String(FAMILY);

describe('a command', () => {
  it('is done, answered and removed', () => {
    const { ipc, family, drop, results, left, woken, db } = createMailboxWorld();
    const command = send('hello');
    drop('family', 'messages', command);
    void ipc.drain(family.folder);
    expect(outboxRows(db)).toMatchObject([{ chat_jid: FAMILY_JID, text: 'hello', state: 'pending' }]);
    expect(results('family')).toEqual([
      { id: command.id, ok: true, detail: expect.stringContaining('"Family"') },
    ]);
    expect(left('family')).toEqual([]);
    expect(woken).toEqual([`delivery ${FAMILY_JID}`]);
    expect(db.sqlite.prepare('SELECT id, group_folder, type, outcome FROM ipc_commands').all()).toEqual([
      { id: command.id, group_folder: 'family', type: 'send_message', outcome: 'done' },
    ]);
  });

  it('has its effect once, however often its id comes', () => {
    const { ipc, family, drop, results, db } = createMailboxWorld();
    const command = send('hello');
    drop('family', 'messages', command);
    drop('family', 'messages', command);
    void ipc.drain(family.folder);
    drop('family', 'messages', { ...command, text: 'another text under the same id' });
    void ipc.drain(family.folder);
    expect(outboxRows(db).map((row) => row.text)).toEqual(['hello']);
    expect(results('family')).toHaveLength(1);
  });

  it('is answered again and not done again after a crash between the commit and the answer', () => {
    const first = createMailboxWorld();
    const command = send('hello');
    const name = first.drop('family', 'messages', command);
    void first.ipc.drain(first.family.folder);
    // What a crash right after the commit leaves: the note in the database, the file, no answer.
    first.drop('family', 'messages', command, name);
    writeFileSync(first.at('family', 'in', 'results', `${command.id}.json`), '');
    void first.ipc.drain(first.family.folder);
    expect(outboxRows(first.db)).toHaveLength(1);
    expect(first.results('family')).toMatchObject([{ id: command.id, ok: true }]);
    expect(first.left('family')).toEqual([]);
  });

  it('is not done a second time by the next attempt of its turn, and as often as it was meant', async () => {
    const { ipc, family, drop, results, db, clock } = createMailboxWorld();
    const turns: TurnId[] = [];
    /** Ends the attempt before, and begins one. */
    const attempt = () => {
      const before = turns.at(-1) ?? null;
      const at = iso(clock.now());
      if (before) db.turns.finish(before, 'retried', at, { code: 'crash', message: 'gone' }, null);
      const id = turnId(randomUUID());
      const { chatJid: jid, folder } = family;
      const nothing = {
        threadId: null,
        fromSeq: null,
        toSeq: null,
        omitted: 0,
        sessionId: null,
        messages: [],
      };
      const row = { id, chatJid: jid, folder, kind: 'messages', attempt: turns.length + 1, at } as const;
      db.turns.claim({ ...row, ...nothing, repeats: before });
      db.turns.markRunning(id, 'container', at);
      turns.push(id);
    };
    const ask = async (...commands: { id: string }[]) => {
      for (const command of commands) {
        drop('family', 'messages', command);
        await ipc.drain(family.folder);
      }
    };
    const texts = () => outboxRows(db).map((row) => row.text);

    attempt();
    await ask(send('hello'), send('hello'), send('one'));
    expect(texts()).toEqual(['hello', 'hello', 'one']);
    attempt();
    await ask(send('hello'), send('two'), send('hello'), send('hello'));
    expect(texts()).toEqual(['hello', 'hello', 'one', 'two', 'hello']);
    attempt();
    await ask(send('one'), send('one'), send('two'), send('hello'));
    expect(texts()).toEqual(['hello', 'hello', 'one', 'two', 'hello', 'one']);
    expect(results('family').every(({ ok }) => ok)).toBe(true);

    // Another turn means it anew.
    db.turns.finish(turns.at(-1) ?? turnId(''), 'done', iso(clock.now()), null, null);
    turns.length = 0;
    attempt();
    await ask(send('hello'));
    expect(texts().at(-1)).toBe('hello');
    expect(texts()).toHaveLength(7);
  });

  it('that was refused stays refused, with one line in the audit log', () => {
    const { ipc, family, drop, results, db } = createMailboxWorld();
    const command = send('psst', randomUUID(), { chat_jid: '1' });
    drop('family', 'messages', command);
    void ipc.drain(family.folder);
    drop('family', 'messages', command);
    void ipc.drain(family.folder);
    const reason = "send_message is only for this group's own chat and tasks";
    expect(results('family')).toEqual([{ id: command.id, ok: false, reason }]);
    expect(outboxRows(db)).toEqual([]);
    expect(db.sqlite.prepare("SELECT * FROM audit_log WHERE outcome = 'refused'").all()).toMatchObject([
      { actor: 'agent:family', group_folder: 'family', action: 'send_message', detail: reason },
    ]);
  });

  it('may have the id that another group used', () => {
    const { ipc, family, main, drop, db } = createMailboxWorld();
    const id = randomUUID();
    drop('family', 'messages', send('from family', id));
    drop('main', 'messages', send('from main', id));
    void ipc.drain(family.folder);
    void ipc.drain(main.folder);
    expect(outboxRows(db).map((row) => row.text)).toEqual(['from family', 'from main']);
  });

  it('is the group’s whose folder it lies in, whatever it says of itself', () => {
    const { ipc, family, drop, db, results } = createMailboxWorld();
    const pretence = { group_folder: 'main', folder: 'main', is_main: true, isMain: true };
    drop('family', 'messages', send('own', randomUUID(), pretence));
    drop('family', 'tasks', { id: randomUUID(), type: 'refresh_groups', ...pretence });
    void ipc.drain(family.folder);
    expect(outboxRows(db)).toMatchObject([{ chat_jid: FAMILY_JID }]);
    expect(results('family').filter((r) => !r.ok)).toMatchObject([
      { reason: 'refresh_groups is only for the main group' },
    ]);
  });

  it('of main may write to any registered chat, and to no other', () => {
    const { ipc, main, drop, db, results } = createMailboxWorld();
    drop('main', 'messages', send('to family', randomUUID(), { chat_jid: FAMILY_JID }));
    drop('main', 'messages', send('to nobody', randomUUID(), { chat_jid: '-555' }));
    void ipc.drain(main.folder);
    expect(outboxRows(db)).toMatchObject([{ chat_jid: FAMILY_JID, text: 'to family' }]);
    expect(results('main').find((r) => !r.ok)).toMatchObject({ reason: expect.stringContaining('-555') });
  });

  it('of main registers and unregisters, and cannot make or remove a main group', () => {
    const { ipc, main, drop, db, results, woken } = createMailboxWorld();
    const run = (command: Record<string, unknown>) => {
      const id = randomUUID();
      drop('main', 'tasks', { id, ...command });
      void ipc.drain(main.folder);
      return results('main').find((r) => r.id === id);
    };
    expect(
      run({ type: 'register_group', chat_jid: '-7', name: 'Work', folder: 'work', is_main: true }),
    ).toMatchObject({ ok: true });
    expect(db.groups.byJid(chatJid('-7'))).toMatchObject({ folder: 'work', isMain: false });
    expect(woken).toContain('groups');
    expect(run({ type: 'register_group', chat_jid: '-8', name: 'X', folder: '../etc' })).toMatchObject({
      ok: false,
      reason: expect.stringContaining('folder: expected'),
    });
    expect(run({ type: 'unregister_group', chat_jid: '-7' })).toMatchObject({ ok: true });
    expect(run({ type: 'unregister_group', chat_jid: '1' })).toMatchObject({ ok: false });
    expect(db.groups.main()).not.toBeNull();
  });

  it('in the wrong directory is set aside and answered', () => {
    const { ipc, main, drop, results, quarantined, left } = createMailboxWorld();
    const id = randomUUID();
    drop('main', 'messages', { id, type: 'refresh_groups' });
    void ipc.drain(main.folder);
    expect(results('main')).toEqual([{ id, ok: false, reason: 'refresh_groups belongs into out/tasks' }]);
    expect(quarantined('main')).toHaveLength(1);
    expect(left('main')).toEqual([]);
  });

  it('of a group that was unregistered meanwhile is set aside', () => {
    const { ipc, family, drop, results, db } = createMailboxWorld();
    drop('family', 'messages', send('too late'));
    db.groups.remove(family.chatJid);
    void ipc.drain(family.folder);
    expect(outboxRows(db)).toEqual([]);
    expect(results('family')).toMatchObject([{ ok: false }]);
  });

  it('that cannot be done now stays, and is done once when it can', async () => {
    const { ipc, family, drop, results, left, db } = createMailboxWorld();
    drop('family', 'messages', send('x'.repeat(39_000)));
    db.sqlite.pragma(`max_page_count = ${String(db.sqlite.pragma('page_count', { simple: true }))}`);
    await expect(ipc.drain(family.folder)).rejects.toThrow(/full/);
    expect(left('family')).toHaveLength(1);
    expect(results('family')).toEqual([]);
    db.sqlite.pragma('max_page_count = 1073741823');
    void ipc.drain(family.folder);
    expect(results('family')).toMatchObject([{ ok: true }]);
    expect(left('family')).toEqual([]);
  });

  it('that breaks the daemon’s code is refused, and those behind it are done', () => {
    const { ipc, family, drop, results, db, logged, home } = createMailboxWorld();
    // The folder of outgoing files is a file: nothing that a rule has foreseen.
    writeFileSync(path.join(home, 'data', 'outbox'), '');
    writeFileSync(path.join(groupPaths(home, 'family').groupDir, 'a.txt'), 'a');
    drop('family', 'messages', { id: randomUUID(), type: 'send_file', path: 'a.txt' }, '1.json');
    drop('family', 'messages', send('behind'), '2.json');
    void ipc.drain(family.folder);
    expect(outboxRows(db).map((row) => row.text)).toEqual(['behind']);
    expect(results('family').map((r) => r.ok)).toEqual(expect.arrayContaining([true, false]));
    expect(JSON.stringify(results('family'))).not.toContain(home);
    expect(logged('command_refused')).toHaveLength(1);
  });
});

describe('send_file', () => {
  it.each(['report.pdf', '/workspace/group/report.pdf'])('sends %s under its name', (named) => {
    const { ipc, family, drop, db, home } = createMailboxWorld();
    writeFileSync(path.join(groupPaths(home, 'family').groupDir, 'report.pdf'), 'content');
    drop('family', 'messages', { id: randomUUID(), type: 'send_file', path: named, caption: 'here' });
    void ipc.drain(family.folder);
    expect(outboxRows(db)).toMatchObject([{ text: 'here', chat_jid: FAMILY_JID }]);
    const [file] = db.sqlite.prepare<[], string>('SELECT file_path FROM outbox').pluck().all();
    expect(path.basename(file ?? '').slice(37)).toBe('report.pdf');
    expect(path.dirname(file ?? '')).toBe(path.join('data', 'outbox'));
    expect(readFileSync(path.join(home, file ?? ''), 'utf8')).toBe('content');
  });

  it('tells the agent why Telegram would not take a file', () => {
    const { ipc, family, drop, results, db, home } = createMailboxWorld();
    const file = path.join(groupPaths(home, 'family').groupDir, 'film.mp4');
    writeFileSync(file, '');
    truncateSync(file, 50 * 1024 * 1024 + 1);
    drop('family', 'messages', { id: randomUUID(), type: 'send_file', path: 'film.mp4' });
    void ipc.drain(family.folder);
    const reason = '"film.mp4" has 52428801 bytes; Telegram takes at most 52428800';
    expect(results('family')).toMatchObject([{ ok: false, reason: expect.stringContaining(reason) }]);
    expect(outboxRows(db)).toEqual([]);
    expect(readdirSync(path.join(home, 'data', 'outbox'))).toEqual([]);
  });

  it('takes a name as long as a file system allows, in any script', () => {
    const { ipc, family, drop, results, db, home } = createMailboxWorld();
    const name = `${'報告書'.repeat(27)}年.pdf`; // 250 bytes
    writeFileSync(path.join(groupPaths(home, 'family').groupDir, name), 'content');
    drop('family', 'messages', { id: randomUUID(), type: 'send_file', path: name });
    void ipc.drain(family.folder);
    expect(results('family')).toMatchObject([{ ok: true }]);
    expect(db.sqlite.prepare('SELECT file_path FROM outbox').pluck().get()).toMatch(/報告書年\.pdf$/);
  });
});

describe('events', () => {
  it('are handed on in the order of their numbers and removed', () => {
    const { ipc, family, drop, events, left } = createMailboxWorld();
    const turn = randomUUID();
    for (const n of [3, 1, 10, 2]) drop('family', 'events', textEvent(turn, n), eventFileName(turn, n));
    void ipc.drain(family.folder);
    expect(events.map(({ event }) => event.n)).toEqual([1, 2, 3, 10]);
    expect(left('family')).toEqual([]);
  });

  it('wait for an earlier one that appears later', async () => {
    const { ipc, family, drop, events, onEvent, left, clock } = createMailboxWorld();
    const turn = randomUUID();
    let taken = 0;
    let looks = 0;
    onEvent.take = (_, event) => {
      if (event.n > taken + 1) {
        looks += 1;
        if (looks === 3) drop('family', 'events', textEvent(turn, 1), eventFileName(turn, 1));
        return false;
      }
      taken = event.n;
      return true;
    };
    drop('family', 'events', textEvent(turn, 2), eventFileName(turn, 2));
    ipc.attach(family.folder);
    void ipc.drain(family.folder);
    await clock.advance(0);
    expect(events.map(({ event }) => event.n)).toEqual([1, 2]);
    expect(left('family')).toEqual([]);
  });

  it('that never become complete hold up neither the commands nor the daemon', async () => {
    const { ipc, family, drop, onEvent, db, clock } = createMailboxWorld();
    onEvent.take = () => false;
    const turn = randomUUID();
    drop('family', 'events', textEvent(turn, 2), eventFileName(turn, 2));
    void ipc.drain(family.folder);
    drop('family', 'messages', send('meanwhile'));
    for (let i = 0; i < 3; i += 1) await clock.next();
    expect(outboxRows(db).map((row) => row.text)).toEqual(['meanwhile']);
  });

  it('come after the commands that were left before them', async () => {
    const { drainAll, family, drop, onEvent, db } = createMailboxWorld();
    const turn = randomUUID();
    let sentBefore = -1;
    onEvent.take = () => {
      sentBefore = outboxRows(db).length;
      return true;
    };
    drop('family', 'events', textEvent(turn, 1), eventFileName(turn, 1));
    for (let i = 0; i < 110; i += 1) drop('family', 'messages', send(`m${i}`));
    await drainAll(family.folder);
    expect(sentBefore).toBe(110);
  });

  it('that cannot be read count as lost by the number in their name, and only those', () => {
    const { ipc, family, drop, lost, events, quarantined } = createMailboxWorld();
    const turn = randomUUID();
    drop('family', 'events', '{"half', eventFileName(turn, 1));
    drop('family', 'events', textEvent(turn, 2), eventFileName(turn, 2));
    drop('family', 'events', 'no number', 'what.json');
    void ipc.drain(family.folder);
    expect(lost).toEqual([{ folder: 'family', turn, n: 1 }]);
    expect(events.map(({ event }) => event.n)).toEqual([2]);
    expect(quarantined('family')).toHaveLength(2);
  });
});

describe('looking', () => {
  it('happens on a file event, and by itself every five seconds', async () => {
    const { ipc, family, drop, db, notify, clock } = createMailboxWorld();
    ipc.attach(family.folder);
    ipc.attach(family.folder);
    drop('family', 'messages', send('noticed'));
    notify('family', 'messages');
    notify('family', 'messages');
    await clock.settle();
    expect(outboxRows(db).map((row) => row.text)).toEqual(['noticed']);
    drop('family', 'messages', send('missed by the kernel'));
    await clock.advance(5000);
    expect(outboxRows(db).map((row) => row.text)).toEqual(['noticed', 'missed by the kernel']);
  });

  it('ends with detach and with stop', async () => {
    const { ipc, family, main, drop, db, notify, clock } = createMailboxWorld();
    ipc.attach(family.folder);
    ipc.attach(main.folder);
    ipc.detach(family.folder);
    drop('family', 'messages', send('unseen'));
    notify('family', 'messages');
    await clock.advance(20_000);
    expect(outboxRows(db)).toEqual([]);
    ipc.stop();
    drop('main', 'messages', send('unseen'));
    void ipc.drain(main.folder);
    await clock.advance(20_000);
    expect(outboxRows(db)).toEqual([]);
    expect(clock.timers()).toBe(0);
  });
});
