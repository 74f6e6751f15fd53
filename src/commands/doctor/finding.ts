/** What `nanoclaw doctor` says, one line for each thing it looked at. The shape of `--json`. */
export interface Finding {
  /** Stable, kebab-case. */
  id: string;
  state: 'ok' | 'warn' | 'fail';
  /** What was seen, as one sentence. */
  seen: string;
  /** What to do about it; always there when it is not ok. */
  fix?: string;
  /** What `--fix` did, a sentence each; only where it did something. `state` and `seen` are those of afterwards. */
  done?: string[];
}

export const ok = (id: string, seen: string): Finding => ({ id, state: 'ok', seen });
export const warn = (id: string, seen: string, fix: string): Finding => ({ id, state: 'warn', seen, fix });
export const fail = (id: string, seen: string, fix: string): Finding => ({ id, state: 'fail', seen, fix });
/** What could not be looked at because of another line. */
export const unseen = (id: string, because: string, line: string): Finding =>
  warn(id, `Not looked at: ${because}.`, `See the line ${line}.`);

/** One line, what was done, and the fix below it. */
export function render({ id, state, seen, fix, done = [] }: Finding): string {
  const mark = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' }[state];
  const below = [...done.map((each) => `✓ ${each}`), ...(fix === undefined ? [] : [`→ ${fix}`])];
  return [`${mark}  ${id.padEnd(16)} ${seen}`, ...below.map((line) => `      ${line}`)].join('\n');
}

export const passed = (findings: readonly Finding[]): boolean =>
  findings.every(({ state }) => state !== 'fail');
