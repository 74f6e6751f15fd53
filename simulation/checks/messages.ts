/** What people wrote against what became of it. */
import type { Db } from '../../src/db.ts';
import type { Disposition } from '../../src/types.ts';
import type { Agents } from '../world/agent-life.ts';
import type { Kind, Written } from '../world/people.ts';
import type { SimulatedTelegram } from '../world/telegram.ts';
import type { World } from '../world/world.ts';
import type { Registrations } from './registrations.ts';

interface Row {
  chat_jid: string;
  message_id: number;
  content: string;
  edited_content: string | null;
  disposition: Disposition | null;
  turn_id: string | null;
}

const MAY_BECOME: Record<Kind, readonly Disposition[]> = {
  request: ['answered', 'failed', 'stopped', 'unregistered'],
  context: ['not_for_nina'],
  command: ['host_command'],
  service: ['service'],
  bot: ['not_allowed'],
};

export interface MessageCheckParts {
  world: World;
  telegram: SimulatedTelegram;
  agents: Agents;
  registrations: Registrations;
  written: readonly Written[];
}

export function checkMessages(parts: MessageCheckParts, db: Db): void {
  const { world, written } = parts;
  const rows = new Map<string, Row>();
  const all = db.sqlite
    .prepare<[], Row>(
      'SELECT chat_jid, message_id, content, edited_content, disposition, turn_id FROM messages WHERE is_bot_message = 0',
    )
    .all();
  for (const row of all) rows.set(`${row.chat_jid} ${row.message_id}`, row);
  const answers = answersOf(parts, db);
  for (const one of written) {
    const moved = parts.telegram.chats.get(one.chat).movedTo;
    const row = rows.get(`${one.chat} ${one.messageId}`) ?? rows.get(`${moved} ${-1 - one.messageId}`);
    checkOne(parts, db, one, row, answers.get(one.token) ?? []);
  }
  world.count('messages stored', all.length);
}

/** By token: the turns that ended well and were asked it. */
function answersOf({ agents }: MessageCheckParts, db: Db): Map<string, string[]> {
  const answers = new Map<string, string[]>();
  for (const turn of agents.turns.values()) {
    if (turn.kind !== 'messages' || db.turns.byId(turn.id)?.state !== 'done') continue;
    for (const token of new Set(turn.requests.flatMap((text) => text.match(/#m\d+/g) ?? [])))
      answers.set(token, [...(answers.get(token) ?? []), turn.id]);
  }
  return answers;
}

function checkOne(
  { world, telegram, registrations, written }: MessageCheckParts,
  db: Db,
  one: Written,
  row: Row | undefined,
  answers: string[],
): void {
  const which = `message ${one.token} (${one.messageId} in ${one.place})`;
  const taken = telegram.updates.confirmedAt.get(one.updates[0] ?? 0);
  if (taken === undefined) {
    world.violated('G1', `${which} was never taken from Telegram`);
    return;
  }
  if (answers.length > 1) world.violated('G2', `${which} was answered by ${answers.length} turns`);
  if (!row) {
    if (registrations.throughout(one.place, one.at, taken)) world.violated('G1', `${which} was not stored`);
    return;
  }
  if (!registrations.sometime(one.place, one.at, taken))
    world.violated('daemon', `${which} was stored though its chat was not registered`);
  if (row.disposition === null) {
    world.violated('G1', `${which} has no disposition`);
    return;
  }
  const expected = [...one.kinds].flatMap((kind) => MAY_BECOME[kind]);
  if (!expected.includes(row.disposition))
    world.violated('G1', `${which} became ${row.disposition}; expected ${expected.join(' or ')}`);
  world.count(`became ${row.disposition}`);
  const last = one.texts.at(-1);
  const isRegistered = registrations.throughout(one.place, one.at, world.timeline.now);
  if (isRegistered && row.content !== last && row.edited_content !== last && !isMedia(one))
    world.violated('G1', `${which} lost its last edit`);
  if (row.disposition === 'answered') checkAnswered(world, db, which, row, answers);
  if (row.disposition === 'failed') checkFailed(world, db, which, row);
  if (
    row.disposition === 'stopped' &&
    !written.some((w) => w.place === one.place && w.texts[0]?.startsWith('/stop'))
  )
    world.violated('G1', `${which} was stopped, and nobody wanted that`);
  if (row.disposition === 'unregistered' && isRegistered)
    world.violated('G1', `${which} became unregistered in a chat that was not`);
}

const isMedia = (one: Written) => one.raw.text === undefined;

function checkAnswered(world: World, db: Db, which: string, row: Row, answers: string[]): void {
  const turn = row.turn_id === null ? null : db.turns.byId(row.turn_id);
  if (turn?.state !== 'done') world.violated('G1', `${which} was answered by a turn that is ${turn?.state}`);
  else if (!answers.includes(turn.id))
    world.violated('G1', `${which} counts as answered, but its turn was never asked it`);
}

/** Whoever gets no answer is told so. */
function checkFailed(world: World, db: Db, which: string, row: Row): void {
  const told = db.sqlite
    .prepare<[string | null], number>(
      "SELECT count(*) FROM outbox WHERE turn_id = ? AND text NOT LIKE '[c%' AND text NOT LIKE '[r%'",
    )
    .pluck()
    .get(row.turn_id);
  if (!told) world.violated('G4', `${which} failed, and its chat was not told`);
}
