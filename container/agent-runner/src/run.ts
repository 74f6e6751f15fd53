/**
 * Wires the agent runner and sees it through: environment → writable folders → mailbox → provider → turn loop →
 * exit. The only place that ends the process. On a signal it ends at once; on a fault it first says, if it can,
 * that the running turn failed.
 */

import {
  type AgentEnvironment,
  agentEnvironmentSchema,
  EXIT_WORKSPACE_UNWRITABLE,
} from '../../../src/protocol/environment.ts';
import { PROTOCOL_VERSION, type TurnMcpServer } from '../../../src/protocol.ts';
import { CommandClient } from './commands.ts';
import { inherited } from './inherited.ts';
import { Mailbox } from './mailbox.ts';
import { mcpServers } from './mcp/servers.ts';
import type { Provider } from './provider.ts';
import { scriptRunner } from './script.ts';
import { TurnLoop } from './turn-loop.ts';
import { workspaceProblem } from './workspace.ts';

export interface RunOptions {
  /** The process's environment. */
  variables: NodeJS.ProcessEnv;
  /** How long a tool waits to hear what became of its command. */
  commandTimeoutMs: number;
  /** How long a turn may go without any sign of life from Claude. */
  stallMs: number;
  /** How long a task's script may take. */
  scriptLimitMs: number;
  /** Scripts only run where the group's folder is this one: where a container gives it, and no host does. */
  scriptFolder: string;
}

/** Runs the agent and ends the process. */
export function runAgent(options: RunOptions): void {
  // Where the daemon held the other end and was killed: no reason to end, and least of all to fail a turn.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  run(options).then((code) => process.exit(code), die);
}

async function run(options: RunOptions): Promise<number> {
  const { variables, commandTimeoutMs, stallMs } = options;
  const parsed = agentEnvironmentSchema.safeParse(variables);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) log(`environment ${issue.path.join('.')}: ${issue.message}`);
    return 1;
  }
  const environment = parsed.data;
  const spoken = environment.NANOCLAW_PROTOCOL;
  if (spoken !== PROTOCOL_VERSION) {
    log(`the daemon speaks protocol ${spoken}, this agent ${PROTOCOL_VERSION}: build the image anew`);
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
  const provider = await providerOf(environment, { variables, stallMs, log });
  const isContainer = environment.NANOCLAW_GROUP_DIR === options.scriptFolder;
  const mcp = mcpServers({
    allowed: isContainer,
    own: await ownServers(environment, variables),
    cwd: environment.NANOCLAW_GROUP_DIR,
    env: { ...inherited(variables), HOME: environment.HOME, ...(variables.TZ ? { TZ: variables.TZ } : {}) },
    door: doorOf(environment),
    log,
  });
  const loop = new TurnLoop({
    mailbox,
    commands: new CommandClient(mailbox, commandTimeoutMs),
    provider,
    script: scriptRunner({
      groupDir: environment.NANOCLAW_GROUP_DIR,
      home: environment.HOME,
      variables,
      limitMs: options.scriptLimitMs,
      allowed: isContainer,
    }),
    mcp,
    groupDir: environment.NANOCLAW_GROUP_DIR,
    container: environment.NANOCLAW_CONTAINER,
    idleExitMs: environment.NANOCLAW_IDLE_EXIT_MS,
    log,
  });

  // Each mailbox file is written within one synchronous call, so nothing is half-written when a signal is handled.
  const end = (): void => {
    provider.close();
    mcp.close();
    process.exit(0);
  };
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
  const fail = (error: unknown): void => {
    loop.failRunning(`the agent runner failed: ${error instanceof Error ? error.message : String(error)}`);
    provider.close();
    mcp.close();
    die(error);
  };
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);

  mailbox.start(environment.NANOCLAW_SWEEP_MS);
  log(`ready, provider ${environment.NANOCLAW_PROVIDER}`);
  const reason = await loop.run();
  log(`ends: ${reason}`);
  provider.close();
  mcp.close();
  mailbox.close();
  return 0;
}

const doorOf = ({ NANOCLAW_DOOR_URL: url, NANOCLAW_DOOR_TOKEN: token }: AgentEnvironment) =>
  url === undefined || token === undefined ? null : { url, token };

/** Each loads what it needs, and nothing of the others: a start waits for it. */
async function providerOf(
  environment: AgentEnvironment,
  parts: { variables: NodeJS.ProcessEnv; stallMs: number; log: (line: string) => void },
): Promise<Provider> {
  switch (environment.NANOCLAW_PROVIDER) {
    case 'claude': {
      const { createClaudeProvider } = await import('./claude.ts');
      return createClaudeProvider({ environment, ...parts });
    }
    case 'openai': {
      const { createOpenAiProvider } = await import('./openai.ts');
      return createOpenAiProvider({ environment, ...parts });
    }
    case 'offline': {
      const { createOfflineProvider } = await import('./offline.ts');
      return createOfflineProvider({
        groupDir: environment.NANOCLAW_GROUP_DIR,
        globalDir: environment.NANOCLAW_GLOBAL_DIR,
        home: environment.HOME,
      });
    }
  }
}

/** What the image brings along for who thinks here. Claude Code starts its browser itself. */
async function ownServers(
  { NANOCLAW_PROVIDER: provider, NANOCLAW_GROUP_DIR: groupDir }: AgentEnvironment,
  variables: NodeJS.ProcessEnv,
): Promise<TurnMcpServer[]> {
  if (provider !== 'openai') return [];
  const { browserServer } = await import('./browser.ts');
  const browser = browserServer(variables, groupDir);
  return browser === null ? [] : [{ ...browser, name: 'browser', env: {} }];
}

function die(error: unknown): never {
  log(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exit(1);
}

function log(line: string): void {
  process.stderr.write(`agent-runner: ${line}\n`);
}
