/**
 * Allowances: how much a group, a person, or all together may use in a day or a month, in money or tokens. Used alike by main (chat), the
 * operator (command line) and whoever begins turns. What changes something runs in the caller's transaction, is noted in the
 * audit log, and throws ALLOWANCE_INVALID or ALLOWANCE_UNKNOWN with a sentence that names what was expected.
 * A day begins at midnight of the daemon's zone. Main is bound by an allowance of its own alone. Inside, money is counted in
 * millionths of a dollar, so that sums are exact.
 */
import { type Account, type Verdict, verdictOn } from './allowances/rule.ts';
import type { Allowance, AllowancePeriod, AllowanceUnit, Reserved } from './db/allowances.ts';
import { costAt, LEAST, type Reservation } from './db/charges.ts';
import type { Db } from './db.ts';
import { NanoClawError } from './errors.ts';
import { localTime } from './lib/local-time.ts';
import { fromWall } from './lib/zone.ts';
import { type Folder, type Group, type Iso, iso } from './types.ts';
import type { Words } from './words.ts';

/** The day that it is there, as 2026-11-02. */
export const dayIn = (ms: number, zone: string): string => localTime(ms, zone).slice(0, 10);

/** What a period is called in the database: its day, or its month. */
export const periodOf = (period: AllowancePeriod, day: string): string =>
  period === 'day' ? day : day.slice(0, 7);

/** Its first and last day. */
export const daysOf = (period: AllowancePeriod, day: string): [string, string] =>
  period === 'day' ? [day, day] : [`${day.slice(0, 7)}-01`, `${day.slice(0, 7)}-31`];

/** When the period with this day in it ends. */
export function endOf(period: AllowancePeriod, day: string, zone: string): number {
  const [year = 0, month = 1, date = 1] = day.split('-').map(Number);
  const wall = period === 'day' ? Date.UTC(year, month - 1, date + 1) : Date.UTC(year, month, 1);
  return fromWall(wall, zone).instants[0];
}

export const MICRO = 1e6;
const whole = (unit: AllowanceUnit, amount: number): number =>
  Math.round(unit === 'usd' ? amount * MICRO : amount);
const ofReservation = (unit: AllowanceUnit, { usd, tokens }: Reservation): number =>
  whole(unit, unit === 'usd' ? usd : tokens);

/** How an allowance stands on this day, in whole units: millionths of a dollar, or tokens. */
export function accountOf(db: Db, allowance: Allowance, day: string): Account {
  const { id, unit, period, amount } = allowance;
  const [from, to] = daysOf(period, day);
  const used = db.allowances.used(allowance, [from, to]);
  const open = db.allowances.reserved().filter((turn) => isOfAccount(allowance, turn, day));
  const kept = open.map((turn) => {
    const used = usedNow(db, turn);
    return {
      usd: Math.max(turn.usd ?? LEAST.usd, used.usd),
      tokens: Math.max(turn.tokens ?? LEAST.tokens, used.tokens),
    };
  });
  return {
    limit: whole(unit, amount + db.allowances.topups(id, periodOf(period, day)).amount),
    spent: whole(unit, unit === 'usd' ? used.cost_usd : used.input_tokens + used.output_tokens),
    reserved: kept.reduce((sum, one) => sum + ofReservation(unit, one), 0),
  };
}

/** Whether the allowance of this day has to bear that open turn. */
export function isOfAccount({ scope, who, period }: Allowance, turn: Reserved, day: string): boolean {
  const [from, to] = daysOf(period, day);
  const isTheirs = scope === 'all' || who === (scope === 'group' ? turn.folder : turn.person);
  return isTheirs && turn.day >= from && turn.day <= to;
}

/** What an open turn has used so far, as the proxy counted it; USD as far as prices are known. */
export function usedNow(db: Db, { folder, day, price }: Reserved): Reservation {
  const { input, output, usd } = db.usage.uncharged(folder as Folder, `${day}T23:59:59.999Z` as Iso);
  return { tokens: input + output, usd: Math.max(usd, price === null ? 0 : costAt(price, input, output)) };
}

export interface Judged {
  verdict: Verdict;
  /** The one that says so; of several that are used up the one that lasts longest. Null: none is in the way. */
  allowance: Allowance | null;
}

const IN_NO_WAY: Judged = { verdict: 'go', allowance: null };

/** Those that this group's turn, asked for by this person (null: by none), has to keep. */
export function allowancesFor(
  all: readonly Allowance[],
  group: Pick<Group, 'folder' | 'isMain'>,
  person: string | null,
): Allowance[] {
  return all.filter(({ scope, who }) => {
    if (scope === 'group') return who === group.folder;
    return !group.isMain && (scope === 'all' || who === person);
  });
}

/** May a turn begin under all of these? */
export function judge(
  db: Db,
  allowances: readonly Allowance[],
  folder: Group['folder'],
  day: string,
): Judged {
  if (allowances.length === 0) return IN_NO_WAY;
  const own = db.charges.expected(folder);
  const judged = allowances.map((allowance) => ({
    allowance,
    verdict: verdictOn(accountOf(db, allowance, day), ofReservation(allowance.unit, own)),
  }));
  const spent = judged.filter(({ verdict }) => verdict === 'spent');
  const longest = spent.find(({ allowance }) => allowance.period === 'month') ?? spent[0];
  return longest ?? judged.find(({ verdict }) => verdict === 'held') ?? IN_NO_WAY;
}

/** What a turn of this group keeps while it runs; null where there are no allowances. */
export const reservationFor = (
  db: Db,
  all: readonly Allowance[],
  folder: Group['folder'],
): Reservation | null => (all.length === 0 ? null : db.charges.expected(folder));

// ---------------------------------------------------------------- setting them

export interface AllowanceRules {
  db: Db;
  now: () => number;
  /** Whose midnight is a day's. */
  zone: string;
}

export type Whose = Pick<Allowance, 'scope' | 'who'>;
export type HowMuch = Pick<Allowance, 'unit' | 'period' | 'amount'>;

const MOST = { usd: 1e6, tokens: 1e12 } as const;

/** `all`, `person:1001`, or the folder of a group that is registered. */
export function parseWhose(db: Db, text: string): Whose {
  if (text === 'all') return { scope: 'all', who: '' };
  const person = /^person:(\d{1,20})$/.exec(text)?.[1];
  if (person !== undefined) return { scope: 'person', who: person };
  if (db.groups.byFolder(text) !== null) return { scope: 'group', who: text };
  throw new NanoClawError('ALLOWANCE_INVALID', (w) => w.refused.allowanceWhose(text.slice(0, 80)));
}

/** `1usd/day`, `$0.50/month`, `200000tokens/day`, `200,000 tokens/day`. A comma in money is refused: half the world writes 1,50 for 1.50. */
export function parseHowMuch(text: string): HowMuch {
  const compact = text
    .toLowerCase()
    .replace(/[\s_]/g, '')
    .replace(/^\d{1,3}(?:,\d{3})+(?=tokens?\/)/, (count) => count.replaceAll(',', ''));
  const found =
    /^(\d{1,13}(?:\.\d{1,6})?)(usd|\$|tokens?)\/(day|month)$/.exec(compact) ??
    /^\$(\d{1,13}(?:\.\d{1,6})?)(usd)?\/(day|month)$/.exec(compact);
  const [, digits = '', named = 'usd', period = ''] = found ?? [];
  const unit: AllowanceUnit = named.startsWith('token') ? 'tokens' : 'usd';
  const amount = Number(digits);
  if (
    found === null ||
    !(amount > 0) ||
    amount > MOST[unit] ||
    (unit === 'tokens' && !Number.isInteger(amount))
  )
    throw new NanoClawError('ALLOWANCE_INVALID', (w) => w.refused.allowanceHowMuch(text.slice(0, 80)));
  return { unit, period: period as AllowancePeriod, amount };
}

/** How `whose` is written. */
export const nameOf = ({ scope, who }: Whose): string =>
  scope === 'all' ? 'all' : scope === 'group' ? who : `person:${who}`;

/** `1usd/day` */
export const amountOf = ({ unit, period, amount }: HowMuch): string =>
  `${unit === 'usd' ? `${amount}usd` : `${amount}tokens`}/${period}`;

/** For the audit log: numbers in it are no people's words. */
const note = ({ db, now }: AllowanceRules, actor: string, whose: Whose, detail: string): void => {
  const group = whose.scope === 'group' ? whose.who : null;
  db.audit.note({
    at: iso(now()),
    actor,
    group,
    action: 'allowance',
    outcome: 'done',
    detail: `${nameOf(whose)}: ${detail}`,
  });
};

export function setAllowance(rules: AllowanceRules, whose: Whose, much: HowMuch, actor: string): Allowance {
  const { db } = rules;
  db.allowances.set({ ...whose, ...much });
  note(rules, actor, whose, amountOf(much));
  const found = db.allowances
    .all()
    .find((a) => isOf(whose)(a) && a.unit === much.unit && a.period === much.period);
  if (!found) throw new Error('an allowance was not stored');
  return found;
}

const isOf =
  ({ scope, who }: Whose) =>
  (each: Allowance): boolean =>
    each.scope === scope && each.who === who;

/** All that there are for them; throws when there is none. */
export function removeAllowances(rules: AllowanceRules, whose: Whose, actor: string): Allowance[] {
  const gone = rules.db.allowances.all().filter(isOf(whose));
  if (gone.length === 0) throw unknown(nameOf(whose));
  for (const each of gone) rules.db.allowances.remove(each.id);
  note(rules, actor, whose, 'none');
  return gone;
}

/** Of a group that is not registered any more, too. */
export function findAllowance(db: Db, id: string): Allowance {
  const found = db.allowances.all().find((each) => String(each.id) === id);
  if (!found) throw unknown(id);
  return found;
}

const unknown = (what: string) =>
  new NanoClawError('ALLOWANCE_UNKNOWN', (w) => w.refused.noAllowance(what.slice(0, 80)), {
    fix: 'nanoclaw allowance list shows them.',
  });

/** So much more in the period that goes on. Default: as much as it has anyway. */
export function topUpAllowance(
  rules: AllowanceRules,
  allowance: Allowance,
  actor: string,
  amount: number = allowance.amount,
): void {
  const { db, now, zone } = rules;
  const { id, unit, period } = allowance;
  if (!(amount > 0) || amount > MOST[unit] || (unit === 'tokens' && !Number.isInteger(amount)))
    throw new NanoClawError('ALLOWANCE_INVALID', (w) => w.refused.topUp(String(amount).slice(0, 40)));
  const current = periodOf(period, dayIn(now(), zone));
  db.allowances.topUp(id, current, amount, actor, iso(now()));
  note(
    rules,
    actor,
    allowance,
    `topped up by ${amountOf({ unit, period, amount }).replace(/\/.*/, '')} for ${current}`,
  );
}

/** For people: whose allowance it is, and what of it is used. */
export function describeAllowance(db: Db, allowance: Allowance, day: string, words: Words): string {
  const { unit } = allowance;
  const { limit, spent } = accountOf(db, allowance, day);
  const said = (amount: number) => words.amount(unit, unit === 'usd' ? amount / MICRO : amount);
  return words.allowanceStands(
    describeWhose(db, allowance, words),
    words.per[allowance.period](said(whole(unit, allowance.amount))),
    said(spent),
    said(Math.max(0, limit - spent)),
  );
}

export function describeWhose(db: Db, whose: Whose, words: Words): string {
  if (whose.scope === 'all') return words.forAll;
  if (whose.scope === 'person') return words.forPerson(whose.who);
  return words.forGroup(db.groups.byFolder(whose.who)?.name ?? whose.who);
}

/** As scripts see it; documented in docs/cli.md. */
export function allowanceRecord(db: Db, allowance: Allowance, day: string) {
  const { id, unit, period, amount } = allowance;
  const { limit, spent, reserved } = accountOf(db, allowance, day);
  const told = (n: number) => (unit === 'usd' ? n / MICRO : n);
  return {
    id,
    for: nameOf(allowance),
    unit,
    period,
    amount,
    topped_up: db.allowances.topups(id, periodOf(period, day)).amount,
    spent: told(spent),
    reserved: told(reserved),
    left: told(Math.max(0, limit - spent - reserved)),
  };
}
