/**
 * How agents do their turns: mostly well; sometimes slowly, not at all, or only half. Everything they say bears a
 * token that is never used again, so that the checks can tell what came of what.
 */
import { agentErrorCodes, type TurnFile } from '../../src/protocol.ts';
import type { Agent, AgentLife, Step } from './agent.ts';
import { type CommandRecord, createCommands } from './agent-commands.ts';
import type { Rng } from './rng.ts';
import type { World } from './world.ts';

/** A turn as its agent knows it. */
export interface TurnRecord {
  id: string;
  folder: string;
  container: string;
  kind: TurnFile['kind'];
  requests: string[];
  /** The reply, part by part, as far as it was written. */
  said: string[];
  finished: 'ok' | 'error' | 'interrupted' | null;
  /** When the agent had finished, the turn was still running in the ledger. Null: no daemon ran then. */
  openAtFinish: boolean | null;
}

export interface Agents extends AgentLife {
  readonly turns: Map<string, TurnRecord>;
  readonly commands: CommandRecord[];
}

type Course =
  | 'answers'
  | 'slow'
  | 'dies'
  | 'out-of-memory'
  | 'silent'
  | 'error'
  | 'empty'
  | 'internal'
  | 'long';
const COURSES: Record<Course, number> = {
  answers: 800,
  slow: 35,
  dies: 35,
  'out-of-memory': 8,
  silent: 8,
  error: 40,
  empty: 15,
  internal: 15,
  long: 15,
};
const GOOD: Record<Course, number> = {
  answers: 95,
  slow: 0,
  dies: 0,
  'out-of-memory': 0,
  silent: 0,
  error: 0,
  empty: 5,
  internal: 0,
  long: 0,
};
const SECOND = 1000;

/** `isOpen` says whether the ledger has the turn as running; null when no daemon runs. */
export function createAgents(
  world: World,
  isOpen: (turn: string) => boolean | null,
  openTasks: () => string[],
): Agents {
  const rng: Rng = world.rng('agents');
  const turns = new Map<string, TurnRecord>();
  const commands = createCommands(world, rng, openTasks);
  let tokens = 0;

  function began(agent: Agent, turn: TurnFile): void {
    world.count('turns begun');
    world.note('agent begins', { agent: agent.name, turn: turn.id, kind: turn.kind, attempt: turn.attempt });
    if (turns.has(turn.id)) world.violated('G2', `turn ${turn.id} was given to two agents`);
    // Every topic is a conversation of its own in this world.
    const shown = [...turn.prompt.matchAll(/^<message [^>]*>/gm)].map(
      ([tag]) => /topic="(\d+)"/.exec(tag)?.[1],
    );
    if (shown.some((topic) => topic !== turn.thread_id?.toString()))
      world.violated('G1', `turn ${turn.id} of topic ${turn.thread_id} was shown topics ${shown.join(', ')}`);
    turns.set(turn.id, {
      id: turn.id,
      folder: agent.folder,
      container: agent.name,
      kind: turn.kind,
      requests: turn.requests,
      said: [],
      finished: null,
      openAtFinish: null,
    });
  }

  function plan(agent: Agent, turn: TurnFile): Step[] {
    const course = rng.weighted(world.faults ? COURSES : GOOD);
    world.count(`turns: ${course}`);
    const steps: Step[] = [];
    const step = (afterMs: number, work: () => void) => {
      steps.push({ afterMs, do: work });
    };
    const progress = () => agent.event(turn, { type: 'progress', activity: 'thinking' });
    step(rng.between(10, 400), () => agent.event(turn, { type: 'turn_started' }));
    for (let n = course === 'slow' ? rng.between(5, 25) : rng.between(0, 2); n > 0; n -= 1)
      step(course === 'slow' ? rng.between(5, 110) * SECOND : rng.between(200, 9000), progress);
    if (rng.chance(0.25)) for (const each of commands.plan(agent)) steps.push(each);
    if (rng.chance(0.6)) step(rng.between(10, 500), () => session(agent, turn));
    if (course === 'silent') return steps.slice(0, rng.between(0, steps.length));
    finish(agent, turn, course, step);
    if (course !== 'dies' && course !== 'out-of-memory') return steps;
    // Half of what it would have done.
    const half = steps.slice(0, rng.between(0, steps.length - 1));
    const exit = { code: course === 'dies' ? 1 : 137, oomKilled: course !== 'dies', lastOutput: 'it ended' };
    half.push({ afterMs: rng.between(0, 5000), do: () => agent.end(exit) });
    return half;
  }

  function session(agent: Agent, turn: TurnFile): void {
    const session_id = turn.session_id ?? rng.uuid();
    agent.event(turn, { type: 'session', session_id, fresh: false });
  }

  function finish(
    agent: Agent,
    turn: TurnFile,
    course: Course,
    step: (afterMs: number, work: () => void) => void,
  ): void {
    const isGated = turn.gate_script !== undefined && rng.chance(0.5);
    if (course !== 'empty' && !isGated) {
      for (let parts = rng.between(1, 2); parts > 0; parts -= 1)
        step(rng.between(50, 4000), () => say(agent, turn, textOf(turn, course)));
    }
    const ending = () => {
      const record = turns.get(turn.id);
      if (record) {
        record.finished = course === 'error' ? 'error' : 'ok';
        record.openAtFinish = isOpen(turn.id);
      }
      const error = { code: rng.pick(agentErrorCodes), message: 'as it happens' };
      agent.event(turn, {
        type: 'turn_finished',
        status: course === 'error' ? 'error' : 'ok',
        ...(course === 'error' ? { error } : {}),
        ...(isGated && course !== 'error' ? { gated: true } : {}),
        usage: { input_tokens: 10, output_tokens: 5, cost_usd: 0.01 },
      });
      if (world.faults && rng.chance(0.01)) agent.end({ code: 0, oomKilled: false, lastOutput: '' });
    };
    step(rng.between(0, 1500), ending);
  }

  function textOf(turn: TurnFile, course: Course): string {
    tokens += 1;
    const answered = turn.requests.flatMap((request) => request.match(/#[mt]\d+/g) ?? []);
    const text = `[r${tokens}] on ${answered.join(' ')}`;
    if (course === 'internal') return `<internal>${text}</internal>`;
    return course === 'long' ? `${text} ${'and so on '.repeat(rng.between(300, 900))}end` : text;
  }

  function say(agent: Agent, turn: TurnFile, text: string): void {
    turns.get(turn.id)?.said.push(text);
    agent.event(turn, { type: 'text', text });
  }

  return { plan, began, obeys: () => !world.faults || rng.chance(0.8), turns, commands: commands.left };
}
