/** nanoclaw doctor [--fix] [--drill]: is everything as it should be, and if not, what is to be done? */
import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { NanoClawError } from '../errors.ts';
import { type Output, print } from './context.ts';
import { CHECKS } from './doctor/checks.ts';
import { runDrill } from './doctor/drill.ts';
import { type Finding, passed, render } from './doctor/finding.ts';
import { runChecks } from './doctor/run.ts';

interface Flags extends Output {
  fix?: boolean;
  deleteWebhook?: boolean;
  drill?: boolean;
}

export function doctorCommand(program: Command): void {
  program
    .command('doctor')
    .description(
      'look at what the daemon needs; each line passes or names the fix (exit code 1 if one fails)',
    )
    .option(
      '--fix',
      'mend what is safe to mend (folders, modes, image, what was left behind), and say what was done',
    )
    .option('--delete-webhook', 'with --fix: delete the webhook, when no other program lives by it')
    .option('--drill', 'prove from inside real containers that agents are held; takes about half a minute')
    .option('--json', 'machine-readable: {passed, findings: [{id, state, seen, fix?, done?}]}')
    .action(doctor);
}

async function doctor(flags: Flags): Promise<void> {
  if (flags.deleteWebhook && !flags.fix)
    throw new NanoClawError('COMMAND_INVALID', '--delete-webhook mends: expected --fix with it.');
  if (flags.drill && flags.fix)
    throw new NanoClawError('COMMAND_INVALID', '--drill only looks: expected it without --fix.');
  const tell = (finding: Finding) => {
    if (!flags.json) process.stdout.write(`${render(finding)}\n`);
  };
  const fix = flags.fix && {
    deleteWebhook: flags.deleteWebhook === true,
    onProgress: (line: string) => void process.stderr.write(`${line}\n`),
  };
  const findings = flags.drill
    ? await runDrill(loadConfig(), tell)
    : await runChecks({ checks: CHECKS, tell, fix: fix || undefined });
  print(flags, { passed: passed(findings), findings }, summary(findings));
  if (!passed(findings)) process.exitCode = 1;
}

function summary(findings: readonly Finding[]): string {
  const failed = findings.filter(({ state }) => state === 'fail').length;
  const warned = findings.filter(({ state }) => state === 'warn').length;
  const warnings = warned === 0 ? '' : `, ${warned} ${warned === 1 ? 'warning' : 'warnings'}`;
  if (failed > 0) return `${failed} of ${findings.length} failed${warnings}.`;
  if (warned > 0) return `${findings.length - warned} of ${findings.length} passed${warnings}; none failed.`;
  return `All ${findings.length} passed.`;
}
