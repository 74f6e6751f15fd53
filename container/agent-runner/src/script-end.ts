/** What a script's end means: as a gate, whose data is shown to the agent, or as the whole task, whose output is the reply. Pure. */
import { gateSchema } from '../../../src/protocol.ts';

/** How a script ended. `stdout` and `stderr` are the last of what it wrote. */
export interface ScriptEnd {
  exitCode: number | null;
  signal: string | null;
  stdout: string;
  /** Its beginning was not kept. */
  stdoutCut: boolean;
  stderr: string;
}

export interface ScriptFailed {
  kind: 'failed';
  message: string;
}
export type GateVerdict = { kind: 'wake'; data: unknown } | { kind: 'quiet' } | ScriptFailed;

/** How much of the data is shown to the agent: bytes of its JSON in UTF-8. */
export const GATE_DATA_BYTES = 16 * 1024;
const STDERR_TOLD = 500;
const LINE_TOLD = 200;
const EXPECTED = 'expected {"wakeAgent": true|false, "data": …} as the last line of output';

export function gateVerdict(end: ScriptEnd): GateVerdict {
  if (end.exitCode !== 0) return failed(endedBadly(end), end.stderr);
  const line = lastLine(end.stdout);
  if (line === null) return failed(`printed nothing; ${EXPECTED}`, end.stderr);
  const parsed = gateSchema.safeParse(fromJson(line));
  if (!parsed.success) {
    const shown = line.length > LINE_TOLD ? `${line.slice(0, LINE_TOLD)}…` : line;
    return failed(`ended with the line “${shown}”; ${EXPECTED}`, end.stderr);
  }
  return parsed.data.wakeAgent ? { kind: 'wake', data: parsed.data.data } : { kind: 'quiet' };
}

/** The reply of a task that is only a script: what it printed, which may be nothing; of a flood the end, marked as cut. */
export function scriptReply(end: ScriptEnd): { kind: 'reply'; text: string } | ScriptFailed {
  if (end.exitCode !== 0) return failed(endedBadly(end), end.stderr);
  if (!end.stdoutCut) return { kind: 'reply', text: end.stdout.trimEnd() };
  // The cut may have gone through a character.
  return { kind: 'reply', text: `…${end.stdout.replace(/^\ufffd+/, '').trimEnd()}` };
}

/** A failed run, in one sentence and the end of what the script complained about. */
export function scriptFailure(what: string, stderr: string): string {
  const told = stderr.trim().slice(-STDERR_TOLD);
  return `the script ${what}${told === '' ? '' : `; its stderr ends: ${told}`}`.toWellFormed();
}

/** The prompt with what the script found. Nothing in the data can leave its element. */
export function withGateData(prompt: string, data: unknown): string {
  if (data === undefined || data === null) return prompt;
  const bytes = Buffer.from(JSON.stringify(data));
  const cut = bytes.length > GATE_DATA_BYTES;
  // A stream decoder keeps back the bytes of a character that is not complete.
  const text = new TextDecoder().decode(bytes.subarray(0, GATE_DATA_BYTES), { stream: true });
  const attribute = cut ? ` cut_off="yes" bytes="${bytes.length}"` : '';
  return `${prompt}\n<gate_data${attribute}>${escapeXml(text)}</gate_data>`;
}

const failed = (what: string, stderr: string): ScriptFailed => ({
  kind: 'failed',
  message: scriptFailure(what, stderr),
});

const endedBadly = (end: ScriptEnd): string =>
  `ended with ${end.signal === null ? `exit code ${end.exitCode}` : `signal ${end.signal}`}`;

function lastLine(text: string): string | null {
  return text.trimEnd().split('\n').at(-1)?.trim() || null;
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };
/** For text between tags. JSON has escaped the controls that XML forbids, but not U+FFFE and U+FFFF. */
export const escapeXml = (text: string): string =>
  text
    .replace(/[&<>]/g, (c) => ENTITIES[c] ?? c)
    .replace(/[\ufffe\uffff]/g, '\ufffd')
    // Nobody would see these.
    .replace(
      /[[\p{Cf}\u007f-\u009f\u2028\u2029]--[\u200c\u200d]]/gv,
      (c) => `&#x${(c.codePointAt(0) ?? 0).toString(16).toUpperCase()};`,
    );
