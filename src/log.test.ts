import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openRotatingFile } from './log/rotating-file.ts';
import { createLogger } from './log.ts';

const TOKEN = '123456789:AAEtokenTokenTokenToken';
const ODD = 'a"quoted\\secret\nover two lines';

function createHarness(secrets: string[] = [TOKEN, ODD]) {
  const folder = mkdtempSync(path.join(tmpdir(), 'nanoclaw-log-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'deep', 'nanoclaw.log');
  const shown: string[] = [];
  const console = { write: (line: string) => void shown.push(line) };
  const log = createLogger({
    file: openRotatingFile({ file, maxBytes: 1e6, keep: 1, now: () => 0 }),
    level: 'info',
    console,
    secrets,
  });
  const lines = () => readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return { log, lines, shown };
}

describe('the log', () => {
  it('is lines of JSON with the level’s name, the time and the component', () => {
    const { log, lines } = createHarness();
    log.child({ component: 'poller' }).warn({ event: 'poll_failed', n: 3 }, 'two\nlines');
    expect(lines().map((line) => JSON.parse(line) as unknown)).toEqual([
      {
        level: 'warn',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
        component: 'poller',
        event: 'poll_failed',
        n: 3,
        msg: 'two\nlines',
      },
    ]);
  });

  it.each([
    ['in the message', (log: ReturnType<typeof createHarness>['log'], s: string) => log.info(`got ${s}`)],
    ['in a field', (log, s) => log.info({ url: `https://api.telegram.org/bot${s}/getMe`, deep: [{ s }] })],
    ['in a key', (log, s) => log.info({ [s]: 1 })],
    ['in a child’s binding', (log, s) => log.child({ token: s }).info('x')],
    ['in an error', (log, s) => log.error({ err: new Error(s) }, 'x')],
    [
      'in the causes of an error',
      (log, s) => log.error({ err: new Error('a', { cause: new Error('b', { cause: new Error(s) }) }) }, 'x'),
    ],
    [
      'among the errors of an error',
      (log, s) => log.error({ err: new AggregateError([new Error(s), { url: s }], 'a') }, 'x'),
    ],
    [
      'in a property of an error',
      (log, s) => log.error({ err: Object.assign(new Error('a'), { body: s }) }, 'x'),
    ],
  ])('never holds a secret: %s', (_, write) => {
    for (const secret of [TOKEN, ODD]) {
      const { log, lines, shown } = createHarness();
      write(log, secret);
      const written = [...lines(), ...shown].join('\n');
      expect(lines()).toHaveLength(1);
      expect(written).toContain('[redacted]');
      expect(written).not.toContain(secret);
      expect(written).not.toContain(JSON.stringify(secret).slice(1, -1));
      expect(() => JSON.parse(lines()[0] ?? '') as unknown).not.toThrow();
    }
  });

  it('takes out the whole of a secret that begins like another', () => {
    const { log, lines } = createHarness([TOKEN, `${TOKEN}-and-more`]);
    log.info(`${TOKEN}-and-more`);
    expect(lines()[0]).not.toContain('and-more');
  });

  it('keeps the readable line one line, and control characters out of the terminal', () => {
    const { log, shown } = createHarness();
    log.warn({ event: 'file_set_aside', file: '\u001b[2J\u0007\r\n.json' }, 'a\nb');
    expect(shown).toHaveLength(1);
    expect(shown[0]?.endsWith('\n')).toBe(true);
    expect(shown[0]?.slice(0, -1)).not.toMatch(/\p{Cc}/u);
    expect(shown[0]).toMatch(/^\d\d:\d\d:\d\d warn +a b/);
  });
});
