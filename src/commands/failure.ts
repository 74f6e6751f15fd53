/**
 * How a command fails: one sentence and a fix on stderr, or with --json `{"error": {code, message, fix}}` on stdout, so that
 * what a script reads there always parses. Never a stack. Exit codes: 1 failed, 2 wrong usage or wrong settings.
 */
import { type Command, CommanderError } from 'commander';
import { type ErrorCode, messageOf, NanoClawError } from '../errors.ts';
import { plain } from './table.ts';

interface Failure {
  exitCode: 0 | 1 | 2;
  /** Null when it was no failure (--help). */
  error: { code: ErrorCode; message: string; fix: string | null } | null;
}

/** What was asked for, or set, cannot be, whatever the state of the home. */
const WRONG_USAGE: ReadonlySet<ErrorCode> = new Set([
  'CONFIG_INVALID',
  'COMMAND_INVALID',
  'GROUP_INVALID',
  'ALLOWANCE_INVALID',
]);
/** Also an error that another process caused: files and devices that cannot be used. */
const NO_ACCESS = /^(EACCES|EPERM|EROFS|ENOSPC|EDQUOT|ENOTDIR|EISDIR)$/;

export function failureOf(error: unknown, program: Command, args: readonly string[]): Failure {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return { exitCode: 0, error: null };
    const command = commandOf(program, args);
    const subcommands = command.commands.map((each) => each.name()).join(', ');
    const message =
      error.code === 'commander.help' || error.code === 'commander.helpDisplayed'
        ? `${fullName(command)} needs one of: ${subcommands}`
        : error.message.replace(/^error: /, '').replace(/\n+/g, ' ');
    const fix = `${fullName(command)} --help shows what it takes.`;
    return { exitCode: 2, error: { code: 'COMMAND_INVALID', message, fix } };
  }
  if (error instanceof NanoClawError) {
    const { code, message, fix } = error;
    const isUsage = WRONG_USAGE.has(code);
    return { exitCode: isUsage ? 2 : 1, error: { code, message, fix: fix ?? null } };
  }
  const denied = NO_ACCESS.test((error as { code?: string } | null)?.code ?? '');
  return {
    exitCode: 1,
    error: {
      code: denied ? 'HOME_UNWRITABLE' : 'UNEXPECTED',
      message: messageOf(error),
      fix: denied ? 'Check who owns it, and that the disk has room.' : null,
    },
  };
}

export function tellFailure({ error }: Failure, json: boolean): void {
  if (error === null) return;
  if (json) process.stdout.write(`${JSON.stringify({ error }, null, 2)}\n`);
  else process.stderr.write(plain(`${error.message}\n${error.fix === null ? '' : `→ ${error.fix}\n`}`));
}

/** --json stands among the arguments, and not as the words of something to say. */
export function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return args.slice(0, end === -1 ? args.length : end).includes('--json');
}

/** The innermost command that the arguments name. */
function commandOf(program: Command, args: readonly string[]): Command {
  let command = program;
  for (const arg of args) {
    const next = command.commands.find((each) => each.name() === arg || each.aliases().includes(arg));
    if (next) command = next;
    else if (!arg.startsWith('-')) break;
  }
  return command;
}

const fullName = (command: Command): string =>
  command.parent ? `${fullName(command.parent)} ${command.name()}` : command.name();
