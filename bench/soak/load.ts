/**
 * What people write during a soak: so many messages a second, dealt out over the groups, and the book of what is still
 * owed for them. Each question carries a mark that its answer repeats, so that an answer that is lost or comes twice shows.
 */
import { REPEAT_MARK } from '../../src/format.ts';
import type { Simulator } from '../../src/simulator/simulator.ts';
import type { SimMessage } from '../../src/simulator/types.ts';

export interface LoadCounts {
  said: number;
  /** Messages that must be answered exactly once. */
  asked: number;
  unanswered: number;
  doubled: number;
  /** Sent once more, marked ↻, since nobody knew whether the first had arrived: the one honest exception. */
  repeats: number;
  edits: number;
  files: number;
  reminders: number;
  commands: number;
  /** What the tasks that go on and on have said. */
  ticks: number;
}

export interface Load {
  counts(): LoadCounts;
  /** A few of the marks without an answer, oldest first. */
  owed(limit: number): string[];
  /** Marks that have waited for so long by now, each once. */
  overdue(ms: number): string[];
  /** No further message; answers still count. */
  stopTalking(): void;
}

export interface LoadOptions {
  sim: Simulator;
  chats: readonly number[];
  /** Messages a second. */
  rate: number;
  /** A file has arrived in the chat: whoever made it may remove it now. */
  fileArrived: (chat: number, name: string) => void;
}

/** Of a hundred messages; the rest is talk that is not for her. */
const SHARES = [
  ['ask', 26],
  ['edit', 4],
  ['say', 4],
  ['file', 3],
  ['remind', 2],
  ['command', 3],
  ['list', 1],
] as const;
const COMMANDS = ['/ping', '/tasks', '/status', '/help'];
const TASK_GROUPS = 3;
/** Answers are looked for twice among so many. */
const REMEMBERED = 50_000;

export function startLoad({ sim, chats, rate, fileArrived }: LoadOptions): Load {
  /** Mark → when it was asked, by performance.now(). */
  const owed = new Map<string, number>();
  const told = new Set<string>();
  const answered = new Set<string>();
  const counts = {
    said: 0,
    asked: 0,
    doubled: 0,
    repeats: 0,
    edits: 0,
    files: 0,
    reminders: 0,
    commands: 0,
    ticks: 0,
  };
  const random = seeded(20_261_121);

  sim.on('sent', (message) => {
    if (message.text === 'tick') counts.ticks += 1;
    const name = message.document?.file_name;
    if (name !== undefined) fileArrived(message.chat.id, name);
    const isRepeat = (message.text ?? message.caption ?? '').startsWith(REPEAT_MARK);
    if (isRepeat) counts.repeats += 1;
    for (const mark of marksOf(message)) {
      if (answered.has(mark) && !isRepeat) counts.doubled += 1;
      if (!owed.delete(mark)) continue;
      answered.add(mark);
      const [oldest] = answered;
      if (answered.size > REMEMBERED && oldest !== undefined) answered.delete(oldest);
    }
  });

  /** A mark that is waited for from now on. */
  function owe(kind: 'q' | 's' | 'f' | 'r'): string {
    const mark = `${kind}${counts.said}`;
    owed.set(mark, performance.now());
    counts.asked += 1;
    return mark;
  }

  function sayOne(): void {
    counts.said += 1;
    const chat = chats[Math.floor(random() * chats.length)] ?? 0;
    const say = (text: string) => sim.say({ chat, from: 'you', text });
    switch (kindOf(random() * 100)) {
      case 'ask':
        say(`@Nina what of #${owe('q')} and all that belongs to it`);
        return;
      case 'edit': {
        const mark = owe('q');
        const { message_id: messageId } = say(`@Nina what of #${mark} at frist`);
        sim.edit({ chat, messageId, text: `@Nina what of #${mark} at first` });
        counts.edits += 1;
        return;
      }
      case 'say':
        say(`@Nina say #${owe('s')}`);
        return;
      case 'file':
        say(`@Nina send file ${owe('f')}.txt with text a line`);
        counts.files += 1;
        return;
      case 'remind':
        say(`@Nina remind me in 20 seconds to #${owe('r')}`);
        counts.reminders += 1;
        return;
      case 'command':
        say(COMMANDS[counts.commands % COMMANDS.length] ?? '/ping');
        counts.commands += 1;
        return;
      case 'list':
        say('@Nina list my tasks');
        return;
      default:
        say(`some talk among people, number ${counts.said}, about as long as they write it in a group`);
    }
  }

  for (const chat of chats.slice(0, TASK_GROUPS)) {
    sim.say({ chat, from: 'you', text: '@Nina every minute say tick' });
  }
  // By the clock and not by the number of timers: a busy machine must not make the load smaller.
  const startedAt = performance.now();
  const timer = setInterval(() => {
    const due = ((performance.now() - startedAt) / 1000) * rate;
    while (counts.said < due) sayOne();
  }, 1000 / rate);

  return {
    counts: () => ({ ...counts, unanswered: owed.size }),
    owed: (limit) => [...owed.keys()].slice(0, limit),
    overdue(ms) {
      const late = [...owed].filter(([mark, at]) => performance.now() - at > ms && !told.has(mark));
      for (const [mark] of late) told.add(mark);
      return late.map(([mark]) => mark);
    },
    stopTalking: () => clearInterval(timer),
  };
}

function kindOf(percent: number): (typeof SHARES)[number][0] | 'talk' {
  let upTo = 0;
  for (const [kind, share] of SHARES) {
    upTo += share;
    if (percent < upTo) return kind;
  }
  return 'talk';
}

/** A reminder's mark also stands in lists of tasks: there it is no answer. */
function marksOf({ text = '', document }: SimMessage): string[] {
  const file = /^(f\d+)\.txt$/.exec(document?.file_name ?? '')?.[1];
  if (file !== undefined) return [file];
  const said = text.startsWith(REPEAT_MARK) ? text.slice(REPEAT_MARK.length) : text;
  const kinds = said.startsWith('⏰') ? /#(r\d+)/g : /#([qs]\d+)/g;
  return [...text.matchAll(kinds)].map(([, mark = '']) => mark);
}

/** 0 to below 1, the same each time (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
