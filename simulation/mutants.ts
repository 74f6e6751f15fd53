/**
 * Known bugs, to be put into the daemon on purpose: a check that reports none of them checks nothing. Each names the
 * guarantee that it breaks.
 */
import type { Overrides } from '../src/app/overrides.ts';
import type { Db } from '../src/db.ts';
import { nextRun } from '../src/next-run.ts';
import type { AgentRuntime } from '../src/runtime/agent-runtime.ts';
import { scheduleOf } from '../src/tasks.ts';
import type { Telegram } from '../src/telegram/api.ts';
import { type Iso, iso } from '../src/types.ts';
import type { Guarantee } from './world/world.ts';

export interface Mutant {
  breaks: Guarantee;
  what: string;
  db?: (db: Db) => Db;
  telegram?: (telegram: Telegram) => Telegram;
  runtime?: (runtime: AgentRuntime) => AgentRuntime;
  overrides?: Overrides;
}

export const MUTANTS: Record<string, Mutant> = {
  'loses-a-message': {
    breaks: 'G1',
    what: 'one message in forty is not stored, and its update is confirmed all the same',
    db(db) {
      let n = 0;
      const insert: Db['messages']['insert'] = (message) => {
        n += 1;
        return n % 40 === 0 && !message.isBotMessage ? null : db.messages.insert(message);
      };
      return { ...db, messages: { ...db.messages, insert } };
    },
  },
  'forgets-an-answer': {
    breaks: 'G1',
    what: 'an agent that asked people is not told what they chose, nor that nobody did',
    db: (db) => ({ ...db, asked: { ...db.asked, owed: () => [] } }),
  },
  'telegram-lies': {
    breaks: 'G1',
    what: 'one send in fifteen is answered with an id, and nothing was posted',
    telegram(telegram) {
      let n = 0;
      return {
        ...telegram,
        sendMessage(message) {
          n += 1;
          return n % 15 === 0 ? Promise.resolve(1_000_000 + n) : telegram.sendMessage(message);
        },
      };
    },
  },
  'skips-an-instant': {
    breaks: 'G1',
    what: 'a task that was due moves on by two instants',
    db(db) {
      const setNextRun: Db['tasks']['setNextRun'] = (id, next) => {
        const task = db.tasks.byId(id);
        const further = task && next !== null ? nextRun(scheduleOf(task), Date.parse(next)) : null;
        db.tasks.setNextRun(id, further === null ? next : iso(further));
      };
      return { ...db, tasks: { ...db.tasks, setNextRun } };
    },
  },
  'answers-twice': {
    breaks: 'G2',
    what: 'the messages of a turn that is done wait again',
    db(db) {
      const settleMessages: Db['turns']['settleMessages'] = (turn, disposition, reason) => {
        if (disposition === 'answered' && turn.attempt === 1 && turn.id.endsWith('0'))
          db.turns.releaseMessages(turn);
        else db.turns.settleMessages(turn, disposition, reason);
      };
      return { ...db, turns: { ...db.turns, settleMessages } };
    },
  },
  'repeats-unmarked': {
    breaks: 'G2',
    what: 'a send whose result is unknown is tried again as if it had been refused',
    db: (db) => ({
      ...db,
      outbox: {
        ...db.outbox,
        markUncertain(id: number, notBefore: Iso, error: string) {
          db.outbox.postpone(id, notBefore, error);
        },
      },
    }),
  },
  'forgets-commands': {
    breaks: 'G2',
    what: 'a command is done, and that it was done is not noted',
    db: (db) => ({ ...db, agents: { ...db.agents, command: () => null, noteCommand() {} } }),
  },
  'adopts-nobody': {
    breaks: 'G3',
    what: 'the engine shows none of the containers that an earlier daemon started',
    runtime: (runtime) => ({ ...runtime, list: async () => [] }),
  },
  'fails-silently': {
    breaks: 'G4',
    what: 'what the chat is told about a failure is lost',
    db: (db) => ({
      ...db,
      outbox: {
        ...db.outbox,
        add: (entry: Parameters<Db['outbox']['add']>[0]) =>
          /^I could not/.test(entry.text) ? 0 : db.outbox.add(entry),
      },
    }),
  },
  'does-not-pause': {
    breaks: 'limits',
    what: 'that the bot may not write in a group is forgotten at once',
    db: (db) => ({ ...db, pauses: { ...db.pauses, set() {} } }),
  },
  'does-not-pace': {
    breaks: 'limits',
    what: 'everything is sent at once',
    overrides: { pacing: { perChatMs: 0, groupPerMinute: 1e6, overallPerSecond: 1e6 } },
  },
};
