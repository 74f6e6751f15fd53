/** What `nanoclaw doctor` says, one line for each thing it looked at. The shape of `--json`. */
export interface Finding {
  /** Stable, kebab-case. */
  id: string;
  state: 'ok' | 'warn' | 'fail';
  /** What was seen, as one sentence. */
  seen: string;
  /** What to do about it; always there when it is not ok. */
  fix?: string;
}

export const ok = (id: string, seen: string): Finding => ({ id, state: 'ok', seen });
export const warn = (id: string, seen: string, fix: string): Finding => ({ id, state: 'warn', seen, fix });
export const fail = (id: string, seen: string, fix: string): Finding => ({ id, state: 'fail', seen, fix });

/** One line, and the fix below it. */
export function render({ id, state, seen, fix }: Finding): string {
  const mark = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' }[state];
  return `${mark}  ${id.padEnd(16)} ${seen}${fix === undefined ? '' : `\n      → ${fix}`}`;
}

export const passed = (findings: readonly Finding[]): boolean =>
  findings.every(({ state }) => state !== 'fail');
