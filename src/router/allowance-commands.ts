/** /usage, /allowance, and the question whether to top up an allowance that is used up. */
import {
  allowancesFor,
  dayIn,
  daysOf,
  describeAllowance,
  describeWhose,
  findAllowance,
  parseHowMuch,
  parseWhose,
  periodOf,
  removeAllowances,
  setAllowance,
  topUpAllowance,
} from '../allowances.ts';
import type { Allowance, UsedBy } from '../db/allowances.ts';
import type { Used } from '../db/usage.ts';
import { NanoClawError } from '../errors.ts';
import { oneLine } from '../lib/one-line.ts';
import { titleOf } from '../tasks.ts';
import type { Group } from '../types.ts';
import type { ChatAnswer, ChatCommandContext } from './chat-commands.ts';
import type { Choice } from './choices.ts';

/** Of a list; what is beyond is counted. */
const MOST_LISTED = 10;

const rulesOf = ({ db, tasks }: ChatCommandContext) => ({
  db,
  now: tasks.now,
  zone: tasks.defaultTimezone,
});
const todayOf = ({ tasks }: ChatCommandContext): string => dayIn(tasks.now(), tasks.defaultTimezone);

/** Of this group; in main of all, or of the one that is named. */
export function usage(context: ChatCommandContext, args: string): string {
  const { group, db } = context;
  const folder = args.trim();
  if (!group.isMain || folder === group.folder) return usageOf(context, group);
  if (folder === '') return usageOfAll(context);
  const named = db.groups.byFolder(folder);
  if (named === null)
    throw new NanoClawError('GROUP_UNKNOWN', (w) => w.refused.noFolder(oneLine(folder, 63)));
  return usageOf(context, named);
}

function usageOf(context: ChatCommandContext, group: Group): string {
  const { db, words } = context;
  const { folder } = group;
  const day = todayOf(context);
  const month = daysOf('month', day);
  const people = db.allowances.usedBy('person', folder, month).filter(({ key }) => key !== '');
  const tasks = db.allowances.usedBy('task', folder, month).filter(({ key }) => key !== '');
  const about = { scope: 'group', who: folder } as const;
  const shown = allowancesFor(db.allowances.all(), { folder, isMain: true }, null);
  return [
    words.usageToday(said(context, db.allowances.used(about, daysOf('day', day)))),
    words.usageThisMonth(said(context, db.allowances.used(about, month))),
    ...listed(context, words.usageByPeople, people, (id) => db.messages.nameOf(group.chatJid, id) ?? id),
    ...listed(context, words.usageByTasks, tasks, (id) => taskName(context, id)),
    ...shown.map((allowance) => describeAllowance(db, allowance, day, words)),
  ].join('\n');
}

function usageOfAll(context: ChatCommandContext): string {
  const { db, words } = context;
  const day = todayOf(context);
  const month = daysOf('month', day);
  const about = { scope: 'all', who: '' } as const;
  return [
    words.usageToday(said(context, db.allowances.used(about, daysOf('day', day)))),
    words.usageThisMonth(said(context, db.allowances.used(about, month))),
    ...listed(context, words.usageByGroups, db.allowances.usedBy('group', null, month), (folder) => folder),
    ...list(context),
  ].join('\n');
}

const said = ({ words }: ChatCommandContext, used: Used): string =>
  words.used(used.turns, used.input_tokens + used.output_tokens, used.cost_usd);

function listed(
  context: ChatCommandContext,
  title: string,
  rows: readonly UsedBy[],
  name: (key: string) => string,
): string[] {
  if (rows.length === 0) return [];
  const { words } = context;
  const lines = rows.slice(0, MOST_LISTED).map((row) => words.usageOf(name(row.key), said(context, row)));
  const more = rows.length > MOST_LISTED ? [words.andMore(rows.length - MOST_LISTED)] : [];
  return [title, ...lines, ...more];
}

function taskName({ db }: ChatCommandContext, id: string): string {
  const task = db.tasks.byId(id);
  return task === null ? id : `${id} “${oneLine(titleOf(task), 60)}”`;
}

const list = (context: ChatCommandContext): string[] =>
  context.db.allowances
    .all()
    .map((each) => describeAllowance(context.db, each, todayOf(context), context.words));

/** Without arguments: those there are. */
export function allowance(context: ChatCommandContext, args: string): ChatAnswer | string {
  const { db, words, sender } = context;
  const [whom = '', ...rest] = args.trim().split(/\s+/);
  if (whom === '') return list(context).join('\n') || words.noAllowances;
  if (rest.length === 0) throw new NanoClawError('ALLOWANCE_INVALID', (w) => w.refused.allowanceHow);
  const actor = `telegram:${sender}`;
  if (rest.join('') === 'off') {
    // Also of a group that is gone.
    const known = db.allowances.all().find(({ scope, who }) => scope === 'group' && who === whom);
    const whose = known ?? parseWhose(db, whom);
    removeAllowances(rulesOf(context), whose, actor);
    return { text: words.allowanceOff(describeWhose(db, whose, words)), allowancesChanged: true };
  }
  const set = setAllowance(rulesOf(context), parseWhose(db, whom), parseHowMuch(rest.join('')), actor);
  return { text: describeAllowance(db, set, todayOf(context), words), allowancesChanged: true };
}

/** `<allowance's id>:<period>`, so that a button of yesterday does not top up today's. */
function subjectOf(context: ChatCommandContext, value: string): Allowance {
  const [id = '', period = ''] = value.split(':');
  const found = findAllowance(context.db, id);
  if (period !== periodOf(found.period, todayOf(context)))
    throw new NanoClawError('ALLOWANCE_INVALID', (w) => w.refused.periodIsOver);
  return found;
}

export const TOP_UP: Choice = {
  title: (w) => w.topUp,
  none: (w) => w.noAllowances,
  no: (w) => w.notNow,
  options: () => [],
  confirm(context, value) {
    const { unit, amount } = subjectOf(context, value);
    const { words } = context;
    return { text: words.topUp, yes: words.topUpBy(words.amount(unit, amount)) };
  },
  act(context, value) {
    const { db, words, sender } = context;
    const found = subjectOf(context, value);
    topUpAllowance(rulesOf(context), found, `telegram:${sender}`);
    const amount = words.amount(found.unit, found.amount);
    return { text: words.toppedUp(describeWhose(db, found, words), amount), allowancesChanged: true };
  },
};
