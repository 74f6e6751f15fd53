/**
 * Named steps at which a test can end the daemon, make it fail or wedge it: the rows of the table in
 * docs/durability.md, which a test holds to this list. Nothing here runs unless the setting FAILPOINTS names a step,
 * and config.ts refuses that wherever real people could be at the other end.
 */

/** In the order of the straight line. */
export const STEPS = [
  'migration.applied',
  'mirror.written',
  'updates.received',
  'updates.stored',
  'file.fetched',
  'file.placed',
  'file.stored',
  'task.claimed',
  'turn.queued',
  'agent.started',
  'turn.staged',
  'turn.running',
  'turn.shown',
  'command.read',
  'command.done',
  'command.answered',
  'question.settled',
  'question.told',
  'event.read',
  'event.taken',
  'turn.settled',
  'send.begun',
  'send.answered',
  'send.noted',
  'progress.begun',
  'progress.answered',
  'progress.noted',
  'progress.removing',
  'progress.removed',
  'reaction.begun',
  'reaction.answered',
  'recover.drained',
  'recover.turn',
  'recover.ended',
] as const;
export type Step = (typeof STEPS)[number];

/** Called by the daemon behind (or, where the name says so, before) each step. Returns, throws, or never returns. */
export type Reach = (step: Step) => void;

/** `kill`: SIGKILL to itself. `error`: throws. `wedge`: blocks the event loop until somebody kills it. */
export type FailAction = 'kill' | 'error' | 'wedge';

export interface Failpoint {
  step: Step;
  action: FailAction;
  /** The first time this step is reached is 1. It happens once. */
  nth: number;
}

const FORM = /^([a-z]+\.[a-z]+)=(kill|error|wedge)(?:@([1-9]\d{0,5}))?$/;

/** Reads `step=action@n,…`. Returns a sentence that says what was expected when it is something else. */
export function parseFailpoints(text: string): Failpoint[] | string {
  const found: Failpoint[] = [];
  for (const part of text.split(',').map((each) => each.trim())) {
    const [, name, action, nth = '1'] = FORM.exec(part) ?? [];
    const step = STEPS.find((each) => each === name);
    if (!step)
      return `expected step=kill, step=error or step=wedge, with @n for the n-th time, where step is one of: ${STEPS.join(', ')}`;
    found.push({ step, action: action as FailAction, nth: Number(nth) });
  }
  return found;
}

/** Undefined when there is nothing to do. */
export function createReach(failpoints: readonly Failpoint[]): Reach | undefined {
  if (failpoints.length === 0) return undefined;
  const times = new Map<Step, number>();
  return (step) => {
    const time = (times.get(step) ?? 0) + 1;
    times.set(step, time);
    const action = failpoints.find((each) => each.step === step && each.nth === time)?.action;
    if (action === 'error') throw new Error(`failpoint ${step}`);
    if (action === 'kill') process.kill(process.pid, 'SIGKILL');
    // The signal has taken effect by now, or somebody else's will.
    if (action !== undefined) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  };
}
