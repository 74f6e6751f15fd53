/**
 * May a turn begin under an allowance? All in whole units: millionths of a dollar, or tokens. Pure.
 *   spent ≥ limit                       → spent: not in this period
 *   nothing is reserved                 → go, so that it never stalls, however large a turn may be
 *   spent + reserved + own ≤ limit      → go
 *   else                                → held: looked at again when one of the turns that reserve has ended
 * So nothing begins at the limit, and no more turns go over it than those whose costs exceed what was reserved for them.
 */
export type Verdict = 'go' | 'spent' | 'held';

export interface Account {
  limit: number;
  /** By turns that have ended. */
  spent: number;
  /** For turns that go on. */
  reserved: number;
}

export function verdictOn({ limit, spent, reserved }: Account, own: number): Verdict {
  if (spent >= limit) return 'spent';
  return reserved <= 0 || spent + reserved + own <= limit ? 'go' : 'held';
}
