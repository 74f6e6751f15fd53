/** What a gate script's end means, and how its data is shown to the agent. Pure. */
import { gateSchema } from '../../../src/protocol.ts';

/** How a script ended. `stdout` and `stderr` are the last of what it wrote. */
export interface GateEnd {
  exitCode: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
}

export type GateVerdict =
  | { kind: 'wake'; data: unknown }
  | { kind: 'quiet' }
  | { kind: 'failed'; message: string };

/** How much of the data is shown to the agent: bytes of its JSON in UTF-8. */
export const GATE_DATA_BYTES = 16 * 1024;
const STDERR_TOLD = 500;
const LINE_TOLD = 200;
const EXPECTED = 'expected {"wakeAgent": true|false, "data": …} as the last line of output';

export function gateVerdict(end: GateEnd): GateVerdict {
  if (end.exitCode !== 0) {
    const how = end.signal === null ? `exit code ${end.exitCode}` : `signal ${end.signal}`;
    return gateFailure(`ended with ${how}`, end.stderr);
  }
  const line = lastLine(end.stdout);
  if (line === null) return gateFailure(`printed nothing; ${EXPECTED}`, end.stderr);
  const parsed = gateSchema.safeParse(fromJson(line));
  if (!parsed.success) {
    const shown = line.length > LINE_TOLD ? `${line.slice(0, LINE_TOLD)}…` : line;
    return gateFailure(`ended with the line “${shown}”; ${EXPECTED}`, end.stderr);
  }
  return parsed.data.wakeAgent ? { kind: 'wake', data: parsed.data.data } : { kind: 'quiet' };
}

/** A failed run, in one sentence and the end of what the script complained about. */
export function gateFailure(what: string, stderr: string): GateVerdict & { kind: 'failed' } {
  const told = stderr.trim().slice(-STDERR_TOLD);
  const message = `the gate script ${what}${told === '' ? '' : `; its stderr ends: ${told}`}`;
  return { kind: 'failed', message: message.toWellFormed() };
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
const escapeXml = (text: string): string =>
  text
    .replace(/[&<>]/g, (c) => ENTITIES[c] ?? c)
    .replace(/[\ufffe\uffff]/g, '\ufffd')
    // Nobody would see these.
    .replace(
      /[[\p{Cf}\u007f-\u009f\u2028\u2029]--[\u200c\u200d]]/gv,
      (c) => `&#x${(c.codePointAt(0) ?? 0).toString(16).toUpperCase()};`,
    );
