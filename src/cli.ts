/**
 * The command line. Each command is in commands/ and is loaded only when it is asked for.
 * Exit codes: 0 ok, 1 failed, 2 wrong usage or wrong settings. Errors are one sentence and a fix, never a stack.
 */
import { Command, CommanderError } from 'commander';
import { messageOf, NanoClawError } from './errors.ts';

const program = new Command('nanoclaw')
  .description('An assistant in your Telegram groups')
  .option('--version', 'print code, schema, protocol and image, also with --json')
  .exitOverride()
  .configureHelp({ showGlobalOptions: true });

program
  .command('start')
  .description('run the daemon (without TELEGRAM_BOT_TOKEN: with the built-in simulator)')
  .action(async () => {
    await import('./index.ts');
  });

/** Name → what registers it. All names are known here so that help can list them without loading all. */
const COMMANDS: Record<string, () => Promise<(program: Command) => void>> = {
  status: async () => (await import('./commands/status.ts')).statusCommand,
  groups: async () => (await import('./commands/groups.ts')).groupsCommand,
  tasks: async () => (await import('./commands/tasks.ts')).tasksCommand,
  pair: async () => (await import('./commands/pair.ts')).pairCommand,
  audit: async () => (await import('./commands/audit.ts')).auditCommand,
  messages: async () => (await import('./commands/messages.ts')).messagesCommand,
  turns: async () => (await import('./commands/turns.ts')).turnsCommand,
  logs: async () => (await import('./commands/logs.ts')).logsCommand,
  why: async () => (await import('./commands/why.ts')).whyCommand,
  chat: async () => (await import('./commands/chat.ts')).chatCommand,
  service: async () => (await import('./commands/service.ts')).serviceCommand,
  backup: async () => (await import('./commands/backup.ts')).backupCommand,
  restore: async () => (await import('./commands/restore.ts')).restoreCommand,
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand,
  image: async () => (await import('./commands/image.ts')).imageCommand,
};

process.exitCode ??= await main(process.argv);

async function main(argv: string[]): Promise<number> {
  try {
    if (argv[2] === '--version' || (argv[2] === '--json' && argv[3] === '--version')) {
      const { printVersion } = await import('./commands/version.ts');
      await printVersion({ json: argv.includes('--json') });
      return 0;
    }
    const asked = argv.slice(2).find((arg) => !arg.startsWith('-')) ?? '';
    const wanted = Object.hasOwn(COMMANDS, asked) ? [asked] : asked === 'start' ? [] : Object.keys(COMMANDS);
    for (const name of wanted) (await COMMANDS[name]?.())?.(program);
    for (const command of allCommands(program)) command.exitOverride();
    await program.parseAsync(argv);
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return failed(error);
  }
}

function failed(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2; // commander has printed it
  if (error instanceof NanoClawError) {
    process.stderr.write(`${error.message}\n${error.fix ? `→ ${error.fix}\n` : ''}`);
    return error.code === 'CONFIG_INVALID' || error.code === 'COMMAND_INVALID' ? 2 : 1;
  }
  process.stderr.write(`${messageOf(error)}\n`);
  return 1;
}

function allCommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(allCommands)];
}
