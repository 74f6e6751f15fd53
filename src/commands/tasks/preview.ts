/** nanoclaw tasks preview: needs no daemon, no settings and no home. */
import type { Command } from 'commander';
import { loadConfig } from '../../config.ts';
import { NanoClawError } from '../../errors.ts';
import { localTime } from '../../lib/local-time.ts';
import {
  checkSchedule,
  DEFAULT_LIMITS,
  nextRun,
  previewSchedule,
  ScheduleError,
  type ScheduleLimits,
  scheduleTypeOf,
} from '../../next-run.ts';
import { type Output, print } from '../context.ts';

export function previewCommand(tasks: Command): void {
  tasks
    .command('preview')
    .description('the next runs of a schedule; needs no daemon and no settings')
    .argument('<schedule>', '"30 2 * * 0", "2h" or "2026-12-24T18:00"')
    .option('--tz <zone>', 'IANA zone', Intl.DateTimeFormat().resolvedOptions().timeZone)
    .option('--from <iso>', 'as if it were this instant')
    .option('--count <n>', 'how many', '5')
    .option('--json', 'machine-readable')
    .action((value: string, options: Output & { tz: string; from?: string; count: string }) => {
      const from = options.from === undefined ? Date.now() : fromOf(options.from, options.tz);
      const count = Number(options.count);
      if (!Number.isInteger(count) || count < 1 || count > 1000)
        throw usage('--count: expected a whole number from 1 to 1000');
      try {
        const schedule = { type: scheduleTypeOf(value), value, timezone: options.tz, anchor: from };
        checkSchedule(schedule, from, previewLimits());
        const preview = previewSchedule(schedule, from, count);
        const lines = preview.next.map(
          (at) => `${at}  ${localTime(Date.parse(at), preview.timezone)} ${preview.timezone}`,
        );
        print(options, preview, [...lines, ...preview.notes].join('\n'));
      } catch (error) {
        throw error instanceof ScheduleError ? new NanoClawError('TASK_INVALID', error.message) : error;
      }
    });
}

/** An instant; without an offset on the zone's clock, as everywhere, and not on that of this process. */
function fromOf(text: string, timezone: string): number {
  try {
    const at = nextRun({ type: 'once', value: text, timezone, anchor: 0 }, -Infinity);
    if (at !== null) return at;
  } catch (error) {
    if (!(error instanceof ScheduleError || error instanceof RangeError)) throw error;
  }
  throw usage(
    '--from: expected an instant like 2026-03-28T12:00:00Z, or a time in the zone like 2026-03-28T12:00',
  );
}

/** As they will be judged when it is saved; settings that cannot be read are no reason to say nothing. */
function previewLimits(): ScheduleLimits {
  try {
    return { minIntervalMs: loadConfig().minTaskIntervalMs };
  } catch {
    return DEFAULT_LIMITS;
  }
}

const usage = (message: string) => new NanoClawError('COMMAND_INVALID', message);
