/**
 * Claude's own start takes longer than anything before its first request, and it asks for nothing of ours until most of it is over.
 * So for the first turn it is started while the SDK is still being loaded, as the SDK would start it, and handed over when
 * the SDK wants it. What the SDK wants otherwise, it gets: then the early one is ended and a second one started.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import { isDeepStrictEqual } from 'node:util';
import type { Options, SpawnedProcess, SpawnOptions } from '@anthropic-ai/claude-agent-sdk';

export type Start = Omit<SpawnOptions, 'signal'>;

/** After its end Claude's last words are read to theirs; what it had started may not hold that up. */
const DRAIN_MS = 200;

/**
 * How the pinned SDK starts Claude with these options (a test holds it to that). Null where they hold something whose arguments are not
 * known here, or where Claude is not installed.
 */
export function expectedStart(options: Options): Start | null {
  const { mcpServers = {}, settings, plugins = [], skills = [], tools, resume, env, cwd } = options;
  if (Object.keys(mcpServers).length > 0 || typeof settings !== 'object' || !Array.isArray(skills))
    return null;
  const command = options.pathToClaudeCodeExecutable ?? claudeProgram();
  if (command === null || !Array.isArray(tools) || !env || cwd === undefined) return null;
  const args = [
    ...['--output-format', 'stream-json', '--verbose', '--input-format', 'stream-json'],
    ...thinkingArguments(options.thinking),
    ...(options.effort === undefined ? [] : [`--effort=${options.effort}`]),
    `--max-turns=${options.maxTurns}`,
    ...(options.model === undefined ? [] : [`--model=${options.model}`]),
    ...(resume === undefined ? [] : [`--resume=${resume}`]),
    ...(skills.length === 0 ? [] : [`--allowedTools=${skills.map((name) => `Skill(${name})`).join(',')}`]),
    `--tools=${tools.join(',')}`,
    `--setting-sources=${options.settingSources?.join(',')}`,
    '--strict-mcp-config',
    `--permission-mode=${options.permissionMode}`,
    '--allow-dangerously-skip-permissions',
    '--include-partial-messages',
    ...plugins.map(({ path }) => `--plugin-dir=${path}`),
    ...['--settings', JSON.stringify(settings)],
  ];
  const sdk = {
    CLAUDE_CODE_ENTRYPOINT: 'sdk-ts',
    CLAUDE_AGENT_SDK_VERSION: '0.3.329',
    CLAUDE_CODE_SDK_READS_SESSION_STATE: '1',
  };
  return { command, args, cwd, env: { ...env, ...sdk } };
}

function thinkingArguments(thinking: Options['thinking']): string[] {
  if (thinking === undefined) return [];
  if (thinking.type === 'disabled') return ['--thinking=disabled'];
  return thinking.type === 'enabled' && thinking.budgetTokens !== undefined
    ? [`--max-thinking-tokens=${thinking.budgetTokens}`]
    : ['--thinking=adaptive'];
}

function claudeProgram(): string | null {
  const name = `@anthropic-ai/claude-agent-sdk-${process.platform}-${process.arch}/claude`;
  try {
    return createRequire(import.meta.url).resolve(name);
  } catch {
    return null;
  }
}

/** A Claude that was started before the SDK asked for it. */
export class EarlyClaude {
  readonly #start: Start;
  readonly #child: ChildProcess;
  readonly #log: (line: string) => void;
  #failed = false;
  #taken = false;

  constructor(start: Start, log: (line: string) => void) {
    this.#start = start;
    this.#log = log;
    this.#child = run(start);
    // The SDK finds out for itself why it cannot be started.
    this.#child.on('error', () => {
      this.#failed = true;
    });
  }

  /** For the SDK: this one, where it is what was wanted, and lives; else another. `stderr` is told what it writes there. */
  take(wanted: SpawnOptions, stderr: (data: string) => void): SpawnedProcess {
    const { signal, ...start } = wanted;
    const isWanted = isDeepStrictEqual(start, this.#start);
    if (!isWanted)
      this.#log('Claude is started a second time: the SDK wants another start than was expected');
    const isAlive = !this.#failed && this.#child.exitCode === null && this.#child.signalCode === null;
    if (isWanted && isAlive) {
      this.#taken = true;
      return new Handed(this.#child, signal, stderr);
    }
    this.drop();
    return new Handed(run(start), signal, stderr);
  }

  /** Ends it, unless the SDK has it. Idempotent. */
  drop(): void {
    if (!this.#taken) this.#child.kill('SIGKILL');
  }
}

const run = ({ command, args, cwd, env }: Start): ChildProcess =>
  spawn(command, args, { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] });

/** As the SDK's own: an end is told when stderr has been read. */
class Handed implements SpawnedProcess {
  readonly stdin: SpawnedProcess['stdin'];
  readonly stdout: SpawnedProcess['stdout'];
  readonly #child: ChildProcess;
  readonly #told = new EventEmitter();

  constructor(child: ChildProcess, signal: AbortSignal, stderr: (data: string) => void) {
    if (!child.stdin || !child.stdout || !child.stderr) throw new Error('Claude has no pipes');
    this.#child = child;
    this.stdin = child.stdin;
    this.stdout = child.stdout;
    child.stderr.setEncoding('utf8').on('data', stderr);
    const end = () => {
      if (this.#told.emit('exit', child.exitCode, child.signalCode)) this.#told.removeAllListeners('exit');
    };
    child.stderr.once('close', () => {
      if (child.exitCode !== null || child.signalCode !== null) end();
    });
    child.once('exit', () => {
      if (child.stderr?.closed) end();
      else setTimeout(end, DRAIN_MS);
    });
    child.on('error', (error) => this.#told.emit('error', error));
    signal.addEventListener('abort', () => child.kill(), { once: true });
  }

  get killed(): boolean {
    return this.#child.killed;
  }
  get exitCode(): number | null {
    return this.#child.exitCode;
  }
  get signalCode(): NodeJS.Signals | null {
    return this.#child.signalCode;
  }
  kill(signal: NodeJS.Signals): boolean {
    return this.#child.kill(signal);
  }
  on(event: 'exit' | 'error', listener: (...told: never[]) => void): void {
    this.#told.on(event, listener as (...told: unknown[]) => void);
  }
  once(event: 'exit' | 'error', listener: (...told: never[]) => void): void {
    this.#told.once(event, listener as (...told: unknown[]) => void);
  }
  off(event: 'exit' | 'error', listener: (...told: never[]) => void): void {
    this.#told.off(event, listener as (...told: unknown[]) => void);
  }
}
