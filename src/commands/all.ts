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
  forget: async () => (await import('./forget.ts')).forgetCommand,
  turns: async () => (await import('./turns.ts')).turnsCommand,
  usage: async () => (await import('./usage.ts')).usageCommand,
  allowance: async () => (await import('./allowance.ts')).allowanceCommand,
  mcp: async () => (await import('./mcp.ts')).mcpCommand,
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

/** What `nanoclaw --help` says of each, so that none of them need be loaded for it; a test holds it against the commands. */
const IN_HELP: Record<string, readonly [term: string, description: string]> = {
  setup: [
    'setup [options]',
    'from a bot token and a key to the first message; run again to change or check something',
  ],
  status: ['status [options]', 'is it running, connected, and what is it doing?'],
  groups: ['groups', 'list and change the registered groups'],
  tasks: ['tasks', 'list, change and preview scheduled tasks'],
  pair: ['pair [options]', 'make the first main group: prints a code to send to the bot'],
  audit: [
    'audit [options]',
    'who did, or tried, what: registrations, admin commands, refusals; oldest first',
  ],
  messages: ['messages [options] <chat>', 'the newest messages of a chat and what became of each'],
  forget: [
    'forget [options] <chat>',
    'forget messages of a group: with search entries, quotes, files, answers and archived lines',
  ],
  turns: [
    'turns [options]',
    'the newest turns: for whom, how they ended, how long they took, what they cost',
  ],
  usage: [
    'usage [options]',
    'what turns have used of the model since the first of the month, and what may be used',
  ],
  allowance: ['allowance', 'how much groups, people, or all together may use a day or a month'],
  mcp: ['mcp', 'MCP servers of groups: list, approve, refuse, remove'],
  logs: ['logs [options]', 'the daemon’s log (nanoclaw.log), readable and filtered'],
  why: ['why [options] <chat> <message>', 'what became of a message, and when'],
  chat: ['chat [options] <text...>', 'say something in the simulator and print the answer'],
  service: ['service', 'run the daemon under systemd or launchd'],
  backup: ['backup [options]', 'archive the database, groups, sessions and settings, and check the archive'],
  export: [
    'export [options] <group>',
    'write one group into a readable archive: its messages, tasks, folder and conversations',
  ],
  restore: ['restore [options] <file>', 'bring a backup back (with the daemon stopped)'],
  doctor: [
    'doctor [options]',
    'look at what the daemon needs; each line passes or names the fix (exit code 1 if one fails)',
  ],
  image: ['image [options]', 'build the agent image when it is missing or out of date'],
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
  if (isForHelp(args))
    for (const [term, description] of Object.values(IN_HELP)) addLine(program, term, description);
  else for (const name of wanted(args)) (await COMMANDS[name]?.())?.(program);
  for (const command of withDescendants(program)) command.exitOverride();
  return program;
}

const isForHelp = (args: readonly string[]): boolean =>
  args.length === 1 && (args[0] === '--help' || args[0] === '-h');

/** A command that can only be listed. */
function addLine(program: Command, term: string, description: string): void {
  const [, name = '', options, parameters = ''] = /^(\S+)( \[options\])?(.*)$/.exec(term) ?? [];
  const line = program.command(`${name}${parameters}`).description(description);
  if (options) line.option('--any');
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
