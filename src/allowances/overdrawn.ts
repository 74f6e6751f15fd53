/**
 * May a turn that goes on ask the model once more? What it has used so far is what the proxy counted and nobody was charged with.
 * It may always use what was reserved for it; beyond that only what no other turn has reserved; and nothing where what is used
 * is the whole allowance. So a turn goes over it by one answer at the most. Reads only.
 */
import { accountOf, allowancesFor, isOfAccount, MICRO, usedNow } from '../allowances.ts';
import type { Allowance, Reserved } from '../db/allowances.ts';
import type { Db } from '../db.ts';
import type { Folder } from '../types.ts';

/** The allowance in the way; null: none is. `day`: for what an agent asks between its turns. */
export function overdrawnBy(db: Db, folder: Folder, day: string): Allowance | null {
  const all = db.allowances.all();
  const group = all.length === 0 ? null : db.groups.byFolder(folder);
  if (group === null) return null;
  const open = db.allowances.reserved();
  const own = open.find((turn) => turn.folder === folder) ?? { ...BETWEEN, folder, day };
  const others = open.filter((turn) => turn.folder !== folder);
  const found = allowancesFor(all, group, own.person).find((allowance) => {
    const isMoney = allowance.unit === 'usd';
    const used = (turn: Reserved): number => {
      const { usd, tokens } = usedNow(db, turn);
      return isMoney ? Math.round(usd * MICRO) : tokens;
    };
    const kept = ({ usd, tokens }: Reserved): number =>
      isMoney ? Math.round((usd ?? 0) * MICRO) : (tokens ?? 0);
    const { limit, spent } = accountOf(db, allowance, own.day);
    const theirs = others.filter((turn) => isOfAccount(allowance, turn, own.day));
    const mine = used(own);
    const sum = (of: (turn: Reserved) => number) =>
      theirs.reduce((total, turn) => total + of(turn), spent + mine);
    const isAllReserved = sum((turn) => Math.max(kept(turn), used(turn))) >= limit && mine >= kept(own);
    return mine > 0 && (isAllReserved || sum(used) >= limit);
  });
  return found ?? null;
}

/** What is asked between turns: nothing is reserved for it, and nobody has asked for it. */
const BETWEEN: Omit<Reserved, 'folder' | 'day'> = { person: null, usd: 0, tokens: 0, price: null };
