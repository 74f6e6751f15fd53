/** What was to be sent against what Telegram was asked and what arrived. */
import type { Db } from '../../src/db.ts';
import { REPEAT_MARK } from '../../src/format.ts';
import { prefaced } from '../../src/router/outbox-request.ts';
import type { SendRequest, SimulatedTelegram } from '../world/telegram.ts';
import type { World } from '../world/world.ts';
import type { Registrations } from './registrations.ts';

interface Row {
  id: number;
  edit_of: number | null;
  chat_jid: string;
  turn_id: string | null;
  text: string;
  state: string;
  error: string | null;
  sent_message_id: number | null;
  thread_id: number | null;
  preface: string | null;
  turn_thread: number | null;
  /** It was said in the chat that its turn is for. */
  own: number | null;
}

const LOST_NOTICE = /may not have arrived/;

export function checkOutbox(
  world: World,
  telegram: SimulatedTelegram,
  registrations: Registrations,
  db: Db,
): void {
  /** A stranger's chat where the bot may not write is not paused: nobody waits for it. */
  const isStrangers = (row: Row, requests: readonly SendRequest[]) => {
    const last = requests.at(-1);
    if (last === undefined || !/not enough rights/.test(row.error ?? '')) return false;
    return !registrations.throughout(last.place, last.at, last.at);
  };

  const rows = db.sqlite
    .prepare<[], Row>(
      `SELECT o.id, o.edit_of, o.chat_jid, o.turn_id, o.text, o.state, o.error, o.sent_message_id, o.thread_id, o.preface,
         t.thread_id AS turn_thread, o.chat_jid = t.chat_jid AS own
       FROM outbox o LEFT JOIN turns t ON t.id = o.turn_id ORDER BY o.id`,
    )
    .all();
  const byEntry = new Map<number, SendRequest[]>();
  for (const request of telegram.requests) {
    if (request.outboxId === null) {
      world.violated('G2', `something was sent that is in no outbox: ${request.text.slice(0, 60)}`);
      continue;
    }
    const requests = byEntry.get(request.outboxId) ?? [];
    requests.push(request);
    byEntry.set(request.outboxId, requests);
  }
  const known = new Set(rows.map(({ id }) => id));
  for (const id of byEntry.keys())
    if (!known.has(id)) world.violated('G2', `entry ${id} was sent and is not in the outbox`);
  for (const row of rows) {
    if (row.edit_of !== null) {
      if (row.state !== 'sent' && row.state !== 'failed')
        world.violated('G1', `the change ${row.id} of message ${row.edit_of} is still ${row.state}`);
      continue;
    }
    const requests = byEntry.get(row.id) ?? [];
    if (row.state === 'failed' && isStrangers(row, requests)) continue;
    checkEntry(world, row, requests, rows);
    checkTopic(world, telegram, row, requests);
  }
  checkOrder(world, telegram);
}

function checkEntry(world: World, row: Row, requests: SendRequest[], rows: readonly Row[]): void {
  const arrived = requests.filter(({ messageId }) => messageId !== null);
  const marked = ({ text }: SendRequest) => texts(row).some((said) => text === REPEAT_MARK + said);
  const which = `entry ${row.id} (“${row.text.slice(0, 40)}”)`;
  const unmarkedArrivals = arrived.filter((request) => !marked(request)).length;
  if (unmarkedArrivals > 1) world.violated('G2', `${which} arrived ${unmarkedArrivals} times unmarked`);
  if (arrived.length - unmarkedArrivals > 1) world.violated('G2', `${which} was repeated more than once`);
  checkRequests(world, which, row, requests, marked);
  if (row.state === 'sent') {
    if (!arrived.some(({ messageId }) => messageId === row.sent_message_id))
      world.violated('G1', `${which} counts as sent as message ${row.sent_message_id}, which never arrived`);
  } else if (row.state === 'failed') {
    world.count('replies given up');
    const last = requests.at(-1);
    const isUnknownTwice =
      requests.length > 1 && last !== undefined && (!last.asked || marked(last)) && last.told !== 'no';
    if (!isUnknownTwice) world.violated('G1', `${which} was given up: ${row.error}`);
    else if (!LOST_NOTICE.test(row.text) && !rows.some((r) => r.id > row.id && LOST_NOTICE.test(r.text)))
      world.violated('G4', `${which} may be lost, and the chat was not told`);
  } else world.violated('G1', `${which} is still ${row.state}`);
}

/** As it is, and with the line about the topic that it was meant for. */
const texts = ({ text, preface }: Row): string[] =>
  preface === null ? [text] : [text, prefaced(preface, text)];

/** What a turn says in its own chat lands in the topic that asked, or, when that is gone, in General. */
function checkTopic(
  world: World,
  telegram: SimulatedTelegram,
  row: Row,
  requests: readonly SendRequest[],
): void {
  if (row.own !== 1) return;
  const which = `entry ${row.id} (“${row.text.slice(0, 40)}”)`;
  for (const { messageId, threadId, chat } of requests) {
    if (messageId === null) continue;
    const isGone = row.turn_thread !== null && !telegram.chats.get(chat).topics.includes(row.turn_thread);
    if (threadId === row.turn_thread)
      world.count('arrived in the topic that asked', threadId === null ? 0 : 1);
    else if (!isGone || threadId !== null)
      world.violated('G1', `${which} landed in topic ${threadId}, asked in ${row.turn_thread}`);
    else world.count('arrived in General as its topic is gone');
  }
}

/** A repeat bears the mark when, and only when, an earlier try may have arrived; and there is one. */
function checkRequests(
  world: World,
  which: string,
  row: Row,
  requests: readonly SendRequest[],
  marked: (request: SendRequest) => boolean,
): void {
  let unknown = false;
  let perhaps = false;
  let repeated = false;
  for (const request of requests) {
    const isMarked = request.asked ? marked(request) : unknown;
    if (request.asked && !isMarked && !texts(row).includes(request.text))
      world.violated('G1', `${which} was sent with another text`);
    if (repeated) world.violated('G2', `${which} was sent again after its repeat`);
    if (unknown && !isMarked) world.violated('G2', `${which} was repeated without the mark`);
    if (!unknown && !perhaps && isMarked) world.violated('G2', `${which} bears the mark without a reason`);
    if (isMarked) unknown = true;
    if (request.told === 'perhaps-no') perhaps = true;
    if (request.told === 'no' || request.told === 'perhaps-no') continue;
    if (isMarked) repeated = true;
    unknown = true;
  }
}

/** In each place the replies arrive in the order in which they were written. */
function checkOrder(world: World, telegram: SimulatedTelegram): void {
  const last = new Map<string, number>();
  for (const { place, outboxId } of telegram.chats.arrivals) {
    if (outboxId === null) continue;
    const before = last.get(place) ?? 0;
    if (outboxId < before)
      world.violated('G1', `in ${place} entry ${outboxId} arrived after entry ${before}`);
    last.set(place, Math.max(before, outboxId));
  }
}
