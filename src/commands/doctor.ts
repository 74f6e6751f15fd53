/** nanoclaw doctor [--drill]: is everything as it should be, and if not, what is to be done? */
import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { type Output, print } from './context.ts';
import { runChecks } from './doctor/checks.ts';
import { runDrill } from './doctor/drill.ts';
import { type Finding, passed, render } from './doctor/finding.ts';

export function doctorCommand(program: Command): void {
  program
    .command('doctor')
    .description(
      'look at what the daemon needs; each line passes or names the fix (exit code 1 if one fails)',
    )
    .option('--drill', 'prove from inside real containers that agents are held; takes about half a minute')
    .option('--json', 'machine-readable: {passed, findings: [{id, state, seen, fix}]}')
    .action(async (options: Output & { drill?: boolean }) => {
      const config = loadConfig();
      const tell = (finding: Finding) => {
        if (!options.json) process.stdout.write(`${render(finding)}\n`);
      };
      const findings = options.drill ? await runDrill(config, tell) : await runChecks(config, tell);
      const failed = findings.filter(({ state }) => state === 'fail').length;
      const summary =
        failed === 0 ? `All ${findings.length} passed.` : `${failed} of ${findings.length} failed.`;
      print(options, { passed: passed(findings), findings }, summary);
      if (!passed(findings)) process.exitCode = 1;
    });
}
