/** nanoclaw allowance list | set | remove | topup */
import type { Command } from 'commander';
import {
  allowanceRecord,
  amountOf,
  dayIn,
  findAllowance,
  nameOf,
  parseHowMuch,
  parseWhose,
  removeAllowances,
  setAllowance,
  topUpAllowance,
} from '../allowances.ts';
import type { Config } from '../config.ts';
import type { Allowance } from '../db/allowances.ts';
import type { Db } from '../db.ts';
import { ENGLISH } from '../words.ts';
import { type Output, print, readDb, withDb } from './context.ts';
import { table } from './table.ts';

const ACTOR = 'operator';
const WHOSE = 'folder of a group, all, or person:ID with a Telegram id';
const rulesOf = (db: Db, { timezone }: Config) => ({ db, now: Date.now, zone: timezone });

export function allowanceCommand(program: Command): void {
  const allowance = program
    .command('allowance')
    .description('how much groups, people, or all together may use a day or a month');

  allowance
    .command('list')
    .description('the allowances, and what is left of them')
    .option('--json', 'machine-readable')
    .action((options: Output) =>
      readDb((db, config) => {
        const day = dayIn(Date.now(), config.timezone);
        const all = db.allowances.all();
        const value = all.map((each) => allowanceRecord(db, each, day));
        const text = all.length === 0 ? 'There are no allowances.' : table(allowanceRows(db, all, day));
        print(options, value, text);
      }),
    );

  allowance
    .command('set')
    .description('set an allowance; one in the same unit for the same period is replaced')
    .argument('<whose>', WHOSE)
    .argument('<amount>', '1usd/day, 0.50usd/month, 50000tokens/day')
    .option('--json', 'machine-readable')
    .action((whose: string, amount: string, options: Output) =>
      withDb((db, config) => {
        const set = db.transaction(() =>
          setAllowance(rulesOf(db, config), parseWhose(db, whose), parseHowMuch(amount), ACTOR),
        );
        const record = allowanceRecord(db, set, dayIn(Date.now(), config.timezone));
        print(options, record, `Allowance ${set.id}: ${nameOf(set)} ${amountOf(set)}.`);
      }),
    );

  allowance
    .command('remove')
    .description('remove all allowances of a group, a person, or all')
    .argument('<whose>', WHOSE)
    .option('--json', 'machine-readable')
    .action((whose: string, options: Output) =>
      withDb((db, config) => {
        const day = dayIn(Date.now(), config.timezone);
        const known = db.allowances.all().find((each) => nameOf(each) === whose);
        const found = known ?? parseWhose(db, whose);
        const before = db.allowances.all().map((each) => allowanceRecord(db, each, day));
        const gone = db.transaction(() => removeAllowances(rulesOf(db, config), found, ACTOR));
        const ids = new Set(gone.map(({ id }) => id));
        print(
          options,
          before.filter(({ id }) => ids.has(id)),
          `Removed: ${gone.map((each) => `${nameOf(each)} ${amountOf(each)}`).join(', ')}.`,
        );
      }),
    );

  allowance
    .command('topup')
    .description('so much more in the day or month that goes on; what waits is answered then')
    .argument('<id>', 'id of the allowance, as allowance list shows it')
    .argument('[amount]', 'USD or tokens, as a number (default: as much as it has anyway)')
    .option('--json', 'machine-readable')
    .action((id: string, amount: string | undefined, options: Output) =>
      withDb((db, config) => {
        const found = findAllowance(db, id);
        const by = amount === undefined ? undefined : Number(amount);
        db.transaction(() => topUpAllowance(rulesOf(db, config), found, ACTOR, by));
        const record = allowanceRecord(db, found, dayIn(Date.now(), config.timezone));
        const said = ENGLISH.amount(found.unit, by ?? found.amount);
        print(options, record, `Topped up ${nameOf(found)} by ${said}.`);
      }),
    );
}

export function allowanceRows(db: Db, all: readonly Allowance[], day: string): string[][] {
  const rows = all.map((each) => {
    const record = allowanceRecord(db, each, day);
    const said = (amount: number) => ENGLISH.amount(each.unit, amount);
    const top = record.topped_up === 0 ? '-' : said(record.topped_up);
    return [
      String(each.id),
      record.for,
      amountOf(each),
      top,
      ...[record.spent, record.reserved, record.left].map(said),
    ];
  });
  return [['ID', 'FOR', 'ALLOWANCE', 'TOPPED UP', 'USED', 'RESERVED', 'LEFT'], ...rows];
}
