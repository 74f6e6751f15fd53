import { fsyncSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MAILBOX } from '../../../src/protocol.ts';
import { Mailbox } from './mailbox.ts';
import { TurnEvents } from './turn-events.ts';

const TURN = '00000000-0000-4000-8000-000000000000';
let dir: string;
let syncs: number;
let mailbox: Mailbox;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'nanoclaw-mailbox-'));
  for (const folder of Object.values(MAILBOX)) mkdirSync(join(dir, folder), { recursive: true });
  syncs = 0;
  mailbox = new Mailbox(dir, (handle) => {
    syncs += 1;
    fsyncSync(handle);
  });
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const events = () =>
  readdirSync(join(dir, MAILBOX.events))
    .sort()
    .map((name) => JSON.parse(readFileSync(join(dir, MAILBOX.events, name), 'utf8')) as object);

test('the prompt waits for no disk: that a turn has begun, and that it waits, is one file and no sync', async () => {
  const turn = new TurnEvents(mailbox, TURN);
  turn.alive('waiting');
  await turn.started();
  expect([events().length, syncs]).toEqual([1, 0]);
  await turn.finished({ status: 'ok' });
});

test('an answer is three files and no sync: its end says how many words there must be', async () => {
  const turn = new TurnEvents(mailbox, TURN);
  await turn.started();
  await turn.finished({ status: 'ok', text: 'Yes.' });
  expect(events()).toMatchObject([
    { n: 1, type: 'turn_started' },
    { n: 2, type: 'text', text: 'Yes.' },
    { n: 3, type: 'turn_finished', status: 'ok', words: 4 },
  ]);
  expect(syncs).toBe(0);
  expect(readdirSync(join(dir, MAILBOX.staging))).toEqual([]);
});

test('a turn that speaks at once has begun before', async () => {
  const turn = new TurnEvents(mailbox, TURN);
  await turn.session('s', false);
  await turn.started();
  expect(events()).toMatchObject([{ type: 'turn_started' }, { n: 2, type: 'session' }]);
  expect(syncs).toBe(1);
});

test('a command survives a power cut: it and its directory are synced', () => {
  mailbox.put('messages', `${TURN}.json`, { id: TURN });
  expect(syncs).toBe(2);
});
