/**
 * An MCP server as a program of this container: JSON lines over its stdin and stdout. It runs in a process group of its own, and
 * whatever becomes of it, nothing that it started there goes on behind close() or behind this process. What it writes is bounded.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { type JSONRPCMessage, JSONRPCMessageSchema } from '@modelcontextprotocol/sdk/types.js';

/** Of one message; a server that writes more without a line feed is ended. */
const MOST_LINE_BYTES = 16 * 1024 * 1024;
const STDERR_KEPT = 2048;

export interface StdioProgram {
  command: string;
  args: readonly string[];
  /** Its whole environment. */
  env: Record<string, string>;
  cwd: string;
}

export class StdioTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly #program: StdioProgram;
  #child: ChildProcess | null = null;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #stderr = '';
  #ended = false;
  /** Why it is not there any more. */
  end: string | null = null;
  readonly #kill = () => this.#killGroup();

  constructor(program: StdioProgram) {
    this.#program = program;
  }

  start(): Promise<void> {
    const { command, args, env, cwd } = this.#program;
    return new Promise((resolve, reject) => {
      const child = spawn(command, args, { cwd, env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
      this.#child = child;
      process.once('exit', this.#kill);
      child.once('spawn', resolve);
      child.once('error', (error) => {
        this.#over(error.message);
        reject(error);
      });
      child.once('exit', (code, signal) => this.#over(`it ended with ${signal ?? `code ${code}`}`));
      // A pipe whose reader is gone says so by its own event.
      child.stdin?.on('error', (error) => this.onerror?.(error));
      child.stdout?.on('data', (data: Buffer) => this.#take(data));
      child.stderr?.on('data', (data: Buffer) => {
        this.#stderr = (this.#stderr + data.toString('utf8')).slice(-STDERR_KEPT);
      });
    });
  }

  /** The last line that it wrote to stderr. */
  get lastWords(): string {
    return this.#stderr.trim().split('\n').at(-1)?.trim().slice(0, 300) ?? '';
  }

  send(message: JSONRPCMessage): Promise<void> {
    const stdin = this.#child?.stdin;
    if (!stdin?.writable) return Promise.reject(new Error(this.end ?? 'it is not running'));
    return new Promise((resolve, reject) => {
      stdin.write(`${JSON.stringify(message)}\n`, (error) => (error ? reject(error) : resolve()));
    });
  }

  async close(): Promise<void> {
    this.#over('it was closed');
  }

  #take(data: Buffer): void {
    let rest = data;
    for (let at = rest.indexOf(10); at >= 0; at = rest.indexOf(10)) {
      const line = Buffer.concat([...this.#chunks, rest.subarray(0, at)]).toString('utf8');
      rest = rest.subarray(at + 1);
      this.#chunks = [];
      this.#bytes = 0;
      this.#read(line);
    }
    if (rest.length === 0) return;
    this.#chunks.push(rest);
    this.#bytes += rest.length;
    if (this.#bytes > MOST_LINE_BYTES) this.#over('it wrote a message of more than 16 MiB');
  }

  #read(line: string): void {
    if (line.trim() === '') return;
    let message: JSONRPCMessage;
    try {
      message = JSONRPCMessageSchema.parse(JSON.parse(line));
    } catch {
      // Many write a greeting or a log to stdout.
      this.onerror?.(new Error(`it wrote something else than JSON-RPC: ${line.slice(0, 100)}`));
      return;
    }
    this.onmessage?.(message);
  }

  #over(why: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.end = why;
    process.off('exit', this.#kill);
    this.#killGroup();
    this.#child?.stdout?.destroy();
    this.#child?.stderr?.destroy();
    this.onclose?.();
  }

  #killGroup(): void {
    const pid = this.#child?.pid;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // Nobody is left in it.
    }
  }
}
