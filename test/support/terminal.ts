/**
 * A program on a pseudo-terminal of its own, as somebody at a keyboard meets it: python3's pty stands between. What was
 * shown is kept without the control sequences.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';
import type { Ended, Settings } from './daemon.ts';

const PTY = `
import fcntl, os, pty, struct, sys, termios
def run():
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 50, 120, 0, 0))
    os.execvp(sys.argv[1], sys.argv[1:])
pid, fd = pty.fork()
if pid == 0:
    run()
import select
stdin = 0
while True:
    ready = select.select([fd] + ([stdin] if stdin is not None else []), [], [])[0]
    if fd in ready:
        try:
            data = os.read(fd, 65536)
        except OSError:
            data = b''
        if not data:
            break
        os.write(1, data)
    if stdin in ready:
        data = os.read(stdin, 65536)
        if data:
            os.write(fd, data)
        else:
            stdin = None
status = os.waitpid(pid, 0)[1]
sys.exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 200 + os.WTERMSIG(status))
`;

export const KEYS = { enter: '\r', down: '\u001b[B', up: '\u001b[A', ctrlC: '\u0003' } as const;

export class Terminal {
  readonly ended: Promise<Ended>;
  /** Everything that was shown. */
  shown = '';
  readonly #child: ChildProcess;
  #seen = 0;

  constructor(command: readonly string[], options: { cwd: string; env: Settings }) {
    this.#child = spawn('python3', ['-c', PTY, ...command], {
      cwd: options.cwd,
      env: { TERM: 'xterm', LANG: 'C.UTF-8', ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.shown += stripVTControlCharacters(text);
    });
    this.ended = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code, signal) => resolve({ code, signal }));
    });
  }

  /** Waits until this is shown, behind what was waited for before. */
  async sees(what: string | RegExp, limitMs = 30_000): Promise<string> {
    const deadline = AbortSignal.timeout(limitMs);
    for (;;) {
      const rest = this.shown.slice(this.#seen);
      const found = typeof what === 'string' ? rest.indexOf(what) : rest.search(what);
      if (found >= 0) {
        const text = typeof what === 'string' ? what : (what.exec(rest)?.[0] ?? '');
        this.#seen += found + text.length;
        return text;
      }
      const more = await Promise.race([
        new Promise<'more'>((resolve) => this.#child.stdout?.once('data', () => resolve('more'))),
        this.ended.then(() => 'ended' as const),
        new Promise<'late'>((resolve) => deadline.addEventListener('abort', () => resolve('late'))),
      ]);
      if (
        more !== 'more' &&
        !this.shown.slice(this.#seen).match(what instanceof RegExp ? what : literal(what))
      )
        throw new Error(
          `${more === 'late' ? `after ${limitMs} ms` : 'it ended'} without ${what}:\n${this.shown}`,
        );
    }
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Types an answer to what is shown. */
  async answers(question: string | RegExp, text: string): Promise<void> {
    await this.sees(question);
    this.type(text);
  }

  /** Ends what still runs, by the hang-up of its terminal. */
  async dispose(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }
}

const literal = (text: string): RegExp => new RegExp(text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
