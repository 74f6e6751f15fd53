/** The ledger of turns against what the agents know: one at a time, each ends, and what an agent finished counts. */
import type { TurnState } from '../../src/db/turn-row.ts';
import type { Db } from '../../src/db.ts';
import { stripInternal } from '../../src/format/reply-text.ts';
import { formatReply } from '../../src/format.ts';
import type { Agents, TurnRecord } from '../world/agent-life.ts';
import type { SimulatedEngine } from '../world/engine.ts';
import type { World } from '../world/world.ts';

interface OpenTurn {
  id: string;
  group_folder: string;
}

/** After each step in which turns have changed: never two at once in a group. */
export function checkOpenTurns(world: World, db: Db): void {
  const open = db.sqlite
    .prepare<[], OpenTurn>("SELECT id, group_folder FROM turns WHERE state IN ('queued', 'running')")
    .all();
  const seen = new Set<string>();
  for (const { group_folder: folder } of open) {
    if (seen.has(folder)) world.violated('G2', `group ${folder} has two turns at once`);
    seen.add(folder);
  }
}

/** After each step in which these turns have ended: none was given up while its agent was at it. */
export function checkEndedTurns(
  world: World,
  db: Db,
  engine: SimulatedEngine,
  ids: ReadonlySet<string>,
): void {
  for (const id of ids) {
    const turn = db.turns.byId(id);
    if (turn?.state !== 'retried' && turn?.state !== 'failed') continue;
    if (turn.errorCode !== 'restart' && turn.errorCode !== 'crash') continue;
    const agent = engine.of(turn.folder).find((each) => each.turn?.id === id);
    if (agent)
      world.violated('G3', `turn ${id} was given up (${turn.error}) while ${agent.name} was working on it`);
  }
}

/** `begun`: which turn was begun for which run of a task. */
export function checkTurns(world: World, agents: Agents, db: Db, begun: ReadonlyMap<string, number>): void {
  const open = db.sqlite
    .prepare<[], { id: string; state: TurnState }>(
      "SELECT id, state FROM turns WHERE state IN ('queued', 'running') OR finished_at IS NULL",
    )
    .all();
  for (const { id, state } of open) world.violated('G4', `turn ${id} has not ended: ${state}`);
  const replies = new Map<string, string>();
  const rows = db.sqlite
    .prepare<[], { turn_id: string; text: string }>(
      "SELECT turn_id, text FROM outbox WHERE turn_id IS NOT NULL AND text NOT LIKE '[c%' ORDER BY id",
    )
    .all();
  for (const { turn_id, text } of rows) replies.set(turn_id, (replies.get(turn_id) ?? '') + text);
  for (const record of agents.turns.values()) checkTurn(world, db, record, replies.get(record.id) ?? '');
  checkRuns(world, db, begun);
}

function checkTurn(world: World, db: Db, record: TurnRecord, reply: string): void {
  const turn = db.turns.byId(record.id);
  const which = `turn ${record.id} of ${record.folder}`;
  if (!turn) return world.violated('G4', `${which} is in no ledger`);
  world.count(`turns ended ${turn.state}`);
  if (record.finished === 'ok' && record.openAtFinish === true && turn.state !== 'done')
    world.violated('G3', `${which} was finished by its agent, and is ${turn.state} (${turn.error})`);
  if (turn.state !== 'done') return;
  if (record.finished !== 'ok') world.violated('G1', `${which} is done, and its agent never finished it`);
  const { parts } = formatReply(stripInternal(record.said.join('\n\n')), 'markdown');
  const said = parts.map(({ text }) => text).join('');
  if (squeezed(reply) !== squeezed(said))
    world.violated(
      'G1',
      `${which}: the reply is “${reply.slice(0, 60)}”; its agent said “${said.slice(0, 60)}”`,
    );
}

/** No due instant is run twice: of the turns that were begun for a run at most one ended well. */
function checkRuns(world: World, db: Db, begun: ReadonlyMap<string, number>): void {
  const done = new Map<number, string>();
  for (const [turn, run] of begun) {
    if (db.turns.byId(turn)?.state !== 'done') continue;
    const before = done.get(run);
    if (before !== undefined)
      world.violated('G2', `task run ${run} was done by two turns: ${before} and ${turn}`);
    done.set(run, turn);
  }
}

const squeezed = (text: string) => text.replace(/\s+/g, '');
