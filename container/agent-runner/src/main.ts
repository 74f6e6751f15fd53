/**
 * The agent runner: one process per group, started by the host, in a container or (offline agent only) as a plain
 * process. It reads turns from the mailbox, lets a provider answer them, and writes events and commands back.
 * Its exit code is 0 when it ended by itself or was told to, 70 when it cannot write its folders, else 1.
 * stdout and stderr are for diagnosis only. It holds no secret of the host.
 */
import {
  agentEnvironmentSchema,
  EXIT_WORKSPACE_UNWRITABLE,
  PROTOCOL_VERSION,
} from '../../../src/protocol.ts';
import { createClaudeProvider } from './claude.ts';
import { CommandClient } from './commands.ts';
import { Mailbox } from './mailbox.ts';
import { createOfflineProvider } from './offline.ts';
import type { Provider } from './provider.ts';
import { TurnLoop } from './turn-loop.ts';
import { workspaceProblem } from './workspace.ts';

/** How long a tool waits for what became of its command. */
const COMMAND_TIMEOUT_MS = 60_000;
/** How long a turn may go without any sign of life from the model. */
const STALL_MS = 10 * 60_000;

const log = (line: string): void => {
  process.stderr.write(`agent-runner: ${line}\n`);
};

async function main(): Promise<number> {
  const parsed = agentEnvironmentSchema.safeParse(process.env);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) log(`environment ${issue.path.join('.')}: ${issue.message}`);
    return 1;
  }
  const environment = parsed.data;
  if (environment.NANOCLAW_PROTOCOL !== PROTOCOL_VERSION) {
    log(
      `the daemon speaks protocol ${environment.NANOCLAW_PROTOCOL}, this agent ${PROTOCOL_VERSION}; build the image anew`,
    );
    return 1;
  }
  const problem = workspaceProblem({
    groupDir: environment.NANOCLAW_GROUP_DIR,
    home: environment.HOME,
    mailboxDir: environment.NANOCLAW_IPC_DIR,
  });
  if (problem) {
    log(problem);
    return EXIT_WORKSPACE_UNWRITABLE;
  }

  const mailbox = new Mailbox(environment.NANOCLAW_IPC_DIR);
  const commands = new CommandClient(mailbox, COMMAND_TIMEOUT_MS);
  let provider: Provider;
  if (environment.NANOCLAW_PROVIDER === 'claude') {
    provider = await createClaudeProvider({ environment, variables: process.env, stallMs: STALL_MS, log });
  } else {
    provider = createOfflineProvider({ groupDir: environment.NANOCLAW_GROUP_DIR, home: environment.HOME });
  }
  const loop = new TurnLoop({
    mailbox,
    commands,
    provider,
    container: environment.NANOCLAW_CONTAINER,
    idleExitMs: environment.NANOCLAW_IDLE_EXIT_MS,
    log,
  });

  const end = (code: number): void => {
    provider.close();
    mailbox.close();
    process.exit(code);
  };
  // Each mailbox file is written within one synchronous call, so nothing is half-written when a signal is handled.
  process.once('SIGTERM', () => end(0));
  process.once('SIGINT', () => end(0));
  const die = (error: unknown): void => {
    log(error instanceof Error ? (error.stack ?? error.message) : String(error));
    loop.failRunning(`the agent runner failed: ${error instanceof Error ? error.message : String(error)}`);
    end(1);
  };
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);

  mailbox.start(environment.NANOCLAW_SWEEP_MS);
  log(`ready, provider ${environment.NANOCLAW_PROVIDER}`);
  const reason = await loop.run();
  log(`ends: ${reason}`);
  provider.close();
  mailbox.close();
  return 0;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    log(error instanceof Error ? (error.stack ?? error.message) : String(error));
    process.exit(1);
  },
);
