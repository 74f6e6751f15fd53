/**
 * What allowances allow, where turns are begun. Used up, a group's or everybody's lets messages wait until its period ends or main
 * tops it up, the chat is told so once, and due runs of tasks are skipped; a person's has what that person wrote answered with
 * so, and the others go on. What the turns that go on have reserved lets others wait until one of them ends. Main is asked once
 * whether to top up. All of it is read from the database, but for who is to be woken when a turn ends: at a start everybody is.
 */
import {
  allowancesFor,
  dayIn,
  describeWhose,
  endOf,
  type Judged,
  judge,
  periodOf,
  reservationFor,
} from '../allowances.ts';
import type { Allowance, Told } from '../db/allowances.ts';
import { FREE, type Payer } from '../db/charges.ts';
import type { TaskRun } from '../db/task-runs.ts';
import type { Db } from '../db.ts';
import type { Thinks } from '../policy/thinking.ts';
import type { Router } from '../router.ts';
import { type ChatJid, type Folder, type Group, iso } from '../types.ts';
import { REASONS } from '../words.ts';
import { taskSkipped } from './task-outcome.ts';
import type { WaitingTopic } from './waiting-topics.ts';

export interface AllowanceGateOptions {
  db: Db;
  /** Whose midnight is a day's. */
  zone: string;
  thinks: (group: Group) => Thinks;
  priceOf: (thinks: Thinks) => string | null;
  timezoneOf: (group: Group) => string;
  record: Router['record'];
  askMain: Router['askMain'];
  wakeDelivery: (jid: ChatJid) => void;
  wakeQueue: (jid: ChatJid) => void;
  tasksChanged: (jid: ChatJid) => void;
}

export interface AllowanceGate {
  /** Refuses what people whose own allowance is used up have asked, and skips due runs that the group cannot pay for. */
  clear(group: Group, nowMs: number): void;
  /** How the group stands, for the messages of a topic or for a run of a task. */
  judge(group: Group, work: WaitingTopic | TaskRun, nowMs: number): Judged;
  /** Milliseconds until it is worth to look again; 0: it may begin. Remembers whom to wake. Says it where it is to be said. */
  waitMs(group: Group, work: WaitingTopic | TaskRun, nowMs: number): number;
  payer(group: Group, person: string | null, taskId: string | null, nowMs: number): Payer;
  /** No further turn that asks the model may begin for this group, whoever asks. */
  isSpent(folder: Folder, nowMs: number): boolean;
  /** A turn of this group has used it up and was stopped: main is asked, unless it was. */
  usedUp(folder: Folder, nowMs: number): void;
  /** A turn has ended: who waited for that looks again. */
  ended(): void;
}

/** Behind the wake, and for clocks that jump. */
const LOOK_MS = 60_000;

export function createAllowanceGate(options: AllowanceGateOptions): AllowanceGate {
  const { db, zone } = options;
  const held = new Set<ChatJid>();

  /** A script that is all there is asks no model. */
  const isFree = (taskId: string): boolean => db.tasks.byId(taskId)?.prompt === '';
  const isRun = (work: WaitingTopic | TaskRun): work is TaskRun => 'taskId' in work;

  function judgeWork(group: Group, work: WaitingTopic | TaskRun, nowMs: number): Judged {
    const all = db.allowances.all();
    if (all.length === 0 || (isRun(work) && isFree(work.taskId))) return { verdict: 'go', allowance: null };
    const asker = () => (isRun(work) ? null : (db.messages.bySeq(work.first)?.sender ?? null));
    const person = all.some(({ scope }) => scope === 'person') ? asker() : null;
    return judge(db, allowancesFor(all, group, person), group.folder, dayIn(nowMs, zone));
  }

  function clear(group: Group, nowMs: number): void {
    const all = db.allowances.all();
    if (all.length === 0) return;
    if (!group.isMain && all.some(({ scope }) => scope === 'person')) refusePeople(group, all, nowMs);
    for (;;) {
      const run = db.taskRuns.nextWaiting(group.chatJid, iso(nowMs));
      if (run === null) return;
      const { verdict, allowance } = judgeWork(group, run, nowMs);
      if (verdict !== 'spent' || allowance === null) return;
      const threadId = db.tasks.byId(run.taskId)?.threadId ?? null;
      db.transaction(() => {
        taskSkipped(db, run, REASONS.allowanceSpent, nowMs);
        tell(group, allowance, threadId, nowMs);
      });
      options.tasksChanged(group.chatJid);
    }
  }

  function refusePeople(group: Group, all: readonly Allowance[], nowMs: number): void {
    const { chatJid } = group;
    for (const { sender, threadId, messageId } of db.messages.waitingSenders(chatJid)) {
      const theirs = all.filter(({ scope, who }) => scope === 'person' && who === sender);
      const { verdict, allowance } = judge(db, theirs, group.folder, dayIn(nowMs, zone));
      if (verdict !== 'spent' || allowance === null) continue;
      db.transaction(() => {
        db.messages.refuse(chatJid, threadId, sender, REASONS.personSpent);
        const replyTo = messageId < 0 ? null : messageId;
        const text = db.languages.wordsFor(chatJid).personSpent(until(group, allowance, nowMs));
        options.record({ chatJid, threadId, turnId: null, replyTo, text });
        ask(allowance, nowMs);
      });
      options.wakeDelivery(chatJid);
    }
  }

  const endsAt = ({ period }: Allowance, nowMs: number): number => endOf(period, dayIn(nowMs, zone), zone);
  const until = (group: Group, allowance: Allowance, nowMs: number): string =>
    db.languages.wordsFor(group.chatJid).minute(endsAt(allowance, nowMs), options.timezoneOf(group));

  /** In this topic, and main, once for each period and top-up. */
  function tell(group: Group, allowance: Allowance, threadId: number | null, nowMs: number): void {
    const { chatJid, folder } = group;
    if (note(allowance, { folder, threadId }, nowMs) && !group.isMain) {
      const text = db.languages.wordsFor(chatJid).allowanceSpent(until(group, allowance, nowMs));
      options.record({ chatJid, threadId, turnId: null, replyTo: null, text });
      options.wakeDelivery(chatJid);
    }
    ask(allowance, nowMs);
  }

  /** False: they were told already. */
  function note(allowance: Allowance, told: Told, nowMs: number): boolean {
    const period = periodOf(allowance.period, dayIn(nowMs, zone));
    const what = `${period}#${db.allowances.topups(allowance.id, period).count}`;
    if (db.allowances.told(allowance.id, told) === what) return false;
    db.allowances.noteTold(allowance.id, told, what, iso(endsAt(allowance, nowMs)));
    return true;
  }

  function ask(allowance: Allowance, nowMs: number): void {
    const main = db.groups.main();
    if (main === null || !note(allowance, { folder: '', threadId: null }, nowMs)) return;
    const { id, period, unit, amount } = allowance;
    const words = db.languages.wordsFor(main.chatJid);
    const whose = describeWhose(db, allowance, words);
    const text = words.askTopUp(
      whose,
      words.per[period](words.amount(unit, amount)),
      until(main, allowance, nowMs),
    );
    const subject = `${id}:${periodOf(period, dayIn(nowMs, zone))}`;
    options.askMain({ kind: 'topup', about: { subject, text } });
    options.wakeDelivery(main.chatJid);
  }

  return {
    clear,
    judge: judgeWork,
    waitMs(group, work, nowMs) {
      const { verdict, allowance } = judgeWork(group, work, nowMs);
      if (verdict === 'go' || allowance === null) return 0;
      if (verdict === 'held') {
        held.add(group.chatJid);
        return LOOK_MS;
      }
      const threadId = isRun(work) ? null : work.threadId;
      db.transaction(() => tell(group, allowance, threadId, nowMs));
      return Math.max(1, Math.min(endsAt(allowance, nowMs) - nowMs, 60 * LOOK_MS));
    },
    payer(group, person, taskId, nowMs) {
      const kept = reservationFor(db, db.allowances.all(), group.folder);
      const price = options.priceOf(options.thinks(group));
      let reserved = price === FREE ? { usd: 0, tokens: kept?.tokens ?? 0 } : kept;
      if (kept !== null && taskId !== null && isFree(taskId)) reserved = { usd: 0, tokens: 0 };
      return { person, taskId, day: dayIn(nowMs, zone), reserved, price };
    },
    isSpent(folder, nowMs) {
      const all = db.allowances.all();
      const group = all.length === 0 ? null : db.groups.byFolder(folder);
      if (group === null) return false;
      return judge(db, allowancesFor(all, group, null), folder, dayIn(nowMs, zone)).verdict === 'spent';
    },
    usedUp(folder, nowMs) {
      const group = db.groups.byFolder(folder);
      if (group === null) return;
      const day = dayIn(nowMs, zone);
      const { allowance } = judge(db, allowancesFor(db.allowances.all(), group, null), folder, day);
      if (allowance !== null) db.transaction(() => ask(allowance, nowMs));
    },
    ended() {
      for (const jid of [...held]) {
        held.delete(jid);
        options.wakeQueue(jid);
      }
    },
  };
}
