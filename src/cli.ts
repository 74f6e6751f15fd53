/**
 * The command line: commands/all.ts names the commands, commands/failure.ts says how they fail.
 * Exit codes: 0 ok, 1 failed, 2 wrong usage or wrong settings. What reads our output may stop reading (`| head`): that ends
 * a command quietly. A signal ends it as it ends any program.
 */
import { createProgram, withDescendants } from './commands/all.ts';
import { failureOf, tellFailure, wantsJson } from './commands/failure.ts';

const args = process.argv.slice(2);
process.exitCode ??= await main();

async function main(): Promise<number> {
  const program = await createProgram(args);
  const json = wantsJson(args);
  const fail = (error: unknown): number => {
    const failure = failureOf(error, program, args);
    tellFailure(failure, json);
    return failure.exitCode;
  };
  // The daemon has its own ways to end.
  if (args[0] !== 'start') endWell(fail);
  // Told once, by tellFailure.
  for (const command of withDescendants(program))
    command.configureOutput({ outputError: () => {}, ...(json ? { writeErr: () => {} } : {}) });
  try {
    if (args[0] === '--version' || (args[0] === '--json' && args[1] === '--version')) {
      const { printVersion } = await import('./commands/version.ts');
      await printVersion({ json });
      return Number(process.exitCode ?? 0);
    }
    await program.parseAsync(process.argv);
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return fail(error);
  }
}

function endWell(fail: (error: unknown) => number): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit();
      process.exit(stream === process.stdout ? fail(error) : 1);
    });
  }
  // Between two looks of a command that follows.
  process.on('uncaughtException', (error) => process.exit(fail(error)));
}
