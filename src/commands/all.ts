/** All commands, by name. Each file of a command is loaded only when it is asked for. */
import { Command } from 'commander';

type Register = (program: Command) => void;

const COMMANDS: Record<string, () => Promise<Register>> = {
  setup: async () => (await import('./setup.ts')).setupCommand,
  status: async () => (await import('./status.ts')).statusCommand,
  groups: async () => (await import('./groups.ts')).groupsCommand,
  tasks: async () => (await import('./tasks.ts')).tasksCommand,
  pair: async () => (await import('./pair.ts')).pairCommand,
  audit: async () => (await import('./audit.ts')).auditCommand,
  messages: async () => (await import('./messages.ts')).messagesCommand,
  turns: async () => (await import('./turns.ts')).turnsCommand,
  usage: async () => (await import('./usage.ts')).usageCommand,
  allowance: async () => (await import('./allowance.ts')).allowanceCommand,
  logs: async () => (await import('./logs.ts')).logsCommand,
  why: async () => (await import('./why.ts')).whyCommand,
  chat: async () => (await import('./chat.ts')).chatCommand,
  service: async () => (await import('./service.ts')).serviceCommand,
  backup: async () => (await import('./backup.ts')).backupCommand,
  export: async () => (await import('./export.ts')).exportCommand,
  restore: async () => (await import('./restore.ts')).restoreCommand,
  doctor: async () => (await import('./doctor.ts')).doctorCommand,
  image: async () => (await import('./image.ts')).imageCommand,
};

/** The program with the command that `args` begin with, or with all of them when they name none (help, a mistake). */
export async function createProgram(args: readonly string[]): Promise<Command> {
  const program = new Command('nanoclaw')
    .description('An assistant in your Telegram groups')
    .option('--version', 'print code, schema, protocol and image, also with --json')
    .configureHelp({ showGlobalOptions: true });
  program
    .command('start')
    .description('run the daemon (without TELEGRAM_BOT_TOKEN: with the built-in simulator)')
    .action(async () => {
      await import('../index.ts');
    });
  for (const name of wanted(args)) (await COMMANDS[name]?.())?.(program);
  for (const command of withDescendants(program)) command.exitOverride();
  return program;
}

function wanted(args: readonly string[]): string[] {
  const asked = args.find((arg) => !arg.startsWith('-'));
  if (asked === undefined && args.includes('--version')) return [];
  if (asked === 'start') return [];
  return asked !== undefined && Object.hasOwn(COMMANDS, asked) ? [asked] : Object.keys(COMMANDS);
}

/** The command and all below it. */
export function withDescendants(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withDescendants)];
}
