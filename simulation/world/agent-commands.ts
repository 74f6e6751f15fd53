/** Commands that agents leave while they work: good ones, refused ones, the same one twice, and files that are none. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { groupPaths } from '../../src/mailbox/layout.ts';
import { COMMAND_DIRECTORY, type CommandType } from '../../src/protocol/commands.ts';
import type { Agent, Step } from './agent.ts';
import type { Rng } from './rng.ts';
import type { World } from './world.ts';

/** A command as it was left in a mailbox, once or more often. */
export interface CommandRecord {
  id: string;
  folder: string;
  type: CommandType;
  /** The text or prompt, which no other command has; null when it has none. */
  token: string | null;
  agent: Agent;
  /** Monotonic milliseconds. */
  leftAt: number;
  /** When it waited for an answer no longer, in monotonic milliseconds. */
  gaveUpAt: number | null;
  /** What its agent was told; null: nothing yet. */
  answer: 'done' | 'refused' | null;
  /** In these words. */
  told: string | null;
}

type Good = 'ask' | 'send' | 'schedule' | 'change' | 'refresh' | 'elsewhere' | 'file' | 'groups';

export interface AgentCommands {
  readonly left: CommandRecord[];
  plan(agent: Agent): Step[];
}

const ZONES = [
  'Europe/Berlin',
  'America/New_York',
  'Australia/Lord_Howe',
  'America/Santiago',
  'Africa/Casablanca',
  'Asia/Kathmandu',
  'UTC',
] as const;
const CRONS = [
  '30 2 * * *',
  '15 1 * * *',
  '0 9 * * 1-5',
  '0 */6 * * *',
  '45 3 * * 0',
  '5 0 1,15 * *',
  '0 12 * * 1',
] as const;
/** Open ones in all. */
const MOST_TASKS = 9;
const INTERVALS = ['6h', '36h', '1d', '100m', '7d', '13h'] as const;

/** `openTasks`: ids of tasks that could be changed, any group's. */
export function createCommands(world: World, rng: Rng, openTasks: () => string[]): AgentCommands {
  const left: CommandRecord[] = [];
  let tokens = 0;
  const token = () => {
    tokens += 1;
    return tokens;
  };

  function plan(agent: Agent): Step[] {
    const steps: Step[] = [];
    for (let n = rng.between(1, 3); n > 0; n -= 1) {
      const what = rng.weighted({
        send: 60,
        schedule: 30,
        change: 50,
        refresh: 8,
        bad: 20,
        elsewhere: 12,
        file: 10,
        groups: 8,
        many: 3,
        ask: 18,
      });
      if (what === 'bad') steps.push({ afterMs: rng.between(10, 900), do: () => leaveBad(agent) });
      else if (what === 'many')
        for (let left = 25; left > 0; left -= 1) steps.push(...commandSteps(agent, 'send'));
      else steps.push(...commandSteps(agent, what));
    }
    return steps;
  }

  function commandSteps(agent: Agent, what: Good): Step[] {
    const id = rng.uuid();
    let command: { type: CommandType; [key: string]: unknown } | undefined;
    let record: CommandRecord | undefined;
    let files = 0;
    const leave = () => {
      if (!command) {
        command = make(agent, what);
        const of = command.text ?? command.prompt ?? command.caption ?? command.question;
        record = {
          id,
          folder: agent.folder,
          type: command.type,
          token: typeof of === 'string' ? of : null,
          agent,
          leftAt: world.timeline.now,
          gaveUpAt: null,
          answer: null,
          told: null,
        };
        const known = record;
        left.push(known);
        agent.await(id, (ok, text) => {
          known.answer = ok ? 'done' : 'refused';
          known.told = text;
        });
        world.count('commands');
      }
      files += 1;
      world.note('command', { agent: agent.name, id, type: command.type, files });
      agent.put(`out/${COMMAND_DIRECTORY[command.type]}`, `${id}-${files}.json`, { id, ...command });
    };
    const steps: Step[] = [{ afterMs: rng.between(10, 900), do: leave }];
    // It did not hear of the first one's result, say.
    if (world.faults && rng.chance(0.15)) steps.push({ afterMs: rng.between(0, 3000), do: leave });
    // Some go on without waiting for what becomes of it.
    if (rng.chance(0.3)) return steps;
    const wait = (hasCome: boolean) => {
      if (!hasCome && record) record.gaveUpAt = world.timeline.now;
    };
    return [...steps, { afterMs: 100, until: () => record?.answer != null, do: wait }];
  }

  function make(
    agent: Agent,
    what: Good,
  ): {
    type: CommandType;
    [key: string]: unknown;
  } {
    if (what === 'refresh') return { type: 'refresh_groups' };
    if (what === 'send') return { type: 'send_message', text: `[c${token()}] by the way` };
    if (what === 'ask') return ask();
    if (what === 'groups') return groups();
    if (what === 'file') return file(agent);
    if (what === 'elsewhere')
      return {
        type: 'send_message',
        text: `[c${token()}] to you`,
        chat_jid: rng.pick(['-2001', '-2002', '99']),
      };
    const known = openTasks();
    if (known.length === 0 || (what === 'schedule' && known.length < MOST_TASKS)) return schedule();
    const task_id = rng.pick(known);
    return rng.weighted({ pause: 3, resume: 4, cancel: 2, run: 3, update: 2 }) === 'update'
      ? { type: 'update_task', task_id, ...timing() }
      : {
          type: rng.pick(['pause_task', 'resume_task', 'cancel_task', 'run_task', 'resume_task'] as const),
          task_id,
        };
  }

  function schedule(): { type: CommandType; [key: string]: unknown } {
    const misfire = rng.pick(['run_once', 'skip', 'within:2h', undefined]);
    const context_mode = rng.pick(['group', 'isolated', undefined]);
    const script = rng.chance(0.2) ? 'echo \'{"wakeAgent": true}\'' : undefined;
    return {
      type: 'schedule_task',
      prompt: `look at #t${token()}`,
      ...timing(),
      misfire,
      context_mode,
      script,
    };
  }

  function timing(): Record<string, unknown> {
    const timezone = rng.pick(ZONES);
    const type = rng.weighted({ cron: 5, interval: 3, once: 3 });
    if (type === 'cron') return { schedule_type: type, schedule_value: rng.pick(CRONS), timezone };
    if (type === 'interval') return { schedule_type: type, schedule_value: rng.pick(INTERVALS), timezone };
    const at = new Date(world.timeline.wall() + rng.between(1, 4 * 24 * 60) * 60_000).toISOString();
    return { schedule_type: type, schedule_value: at.slice(0, 16), timezone };
  }

  function ask(): { type: CommandType; [key: string]: unknown } {
    world.count('questions');
    return {
      type: 'ask_user',
      question: `[c${token()}] which?`,
      choices: ['this', 'that', 'none'],
      wait_s: rng.pick([0, 15, 60]),
    };
  }

  /** Main alone may; the others are refused. */
  const groups = (): { type: CommandType; [key: string]: unknown } =>
    rng.chance(0.5)
      ? { type: 'register_group', chat_jid: '-2004', name: 'Guests', folder: 'guests' }
      : { type: 'unregister_group', chat_jid: '-2004' };

  function file(agent: Agent): { type: CommandType; [key: string]: unknown } {
    const caption = `[c${token()}] a file`;
    const name = `file-${tokens}.txt`;
    if (rng.chance(0.8))
      writeFileSync(path.join(groupPaths(world.home, agent.folder).groupDir, name), caption);
    return { type: 'send_file', path: name, caption };
  }

  function leaveBad(agent: Agent): void {
    const directory = rng.pick(['out/messages', 'out/tasks'] as const);
    const content = rng.pick(['not json', '{"id":1}', '[]', `{"id":"${rng.uuid()}","type":"unknown"}`, '{}']);
    world.count('bad files');
    agent.put(directory, `bad-${token()}.json`, content);
  }

  return { left, plan };
}
