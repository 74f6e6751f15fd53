/**
 * Runs a task's script: its gate, or all of it. The script came from an agent, so it runs only where the wall
 * of a container is around it, with a small environment of its own that holds no credential, for a limited time, and
 * with its output cut to the end. Whatever becomes of it, nothing that it started in its process group goes on.
 */
import type { TurnFile } from '../../../src/protocol.ts';
import { inherited } from './inherited.ts';
import { type ProgramEnd, runInGroup } from './process-group.ts';
import { type ScriptEnd, scriptFailure } from './script-end.ts';
import { errorCode } from './workspace.ts';

export interface ScriptOptions {
  /** Where the script runs, and its home. */
  groupDir: string;
  home: string;
  /** This process's variables; a few harmless ones are passed on. */
  variables: NodeJS.ProcessEnv;
  /** How long a script may take (ms). */
  limitMs: number;
  /** False where no container is around this process: then every script is refused. */
  allowed: boolean;
}

/** What became of a script: how it ended, or why it has no end of its own. */
export type ScriptResult =
  | { kind: 'ended'; end: ScriptEnd }
  | { kind: 'failed'; message: string }
  | { kind: 'interrupted' };

export type RunScript = (
  task: Pick<TurnFile, 'timezone'> & { script: string },
  /** Called while the script runs. */
  alive: () => void,
  signal: AbortSignal,
) => Promise<ScriptResult>;

const SHELLS = ['bash', 'sh'] as const;
/** The last line must fit, with as much data as an agent is shown; and a reply. */
const STDOUT_KEPT = { head: 0, tail: 64 * 1024 };
const STDERR_KEPT = { head: 0, tail: 4 * 1024 };

export function scriptRunner(options: ScriptOptions): RunScript {
  const { groupDir: cwd, home, limitMs } = options;
  return async (task, alive, signal) => {
    if (!options.allowed) {
      const why = 'was not run: without a container it could do anything to this machine';
      return { kind: 'failed', message: scriptFailure(why, '') };
    }
    const env = { ...inherited(options.variables), HOME: home, TZ: task.timezone };
    let end: ProgramEnd | Error = new Error('no shell was found');
    for (const command of SHELLS) {
      const args = ['-c', task.script];
      const program = { command, args, cwd, env, limitMs, stdout: STDOUT_KEPT, stderr: STDERR_KEPT };
      end = await runInGroup(program, alive, signal);
      if (!(end instanceof Error) || errorCode(end) !== 'ENOENT') break;
    }
    if (end instanceof Error)
      return { kind: 'failed', message: scriptFailure(`could not be started: ${end.message}`, '') };
    if (end.interrupted) return { kind: 'interrupted' };
    if (end.timedOut) {
      const what = `was ended after its limit of ${limitMs / 1000} seconds`;
      return { kind: 'failed', message: scriptFailure(what, end.stderr) };
    }
    return { kind: 'ended', end };
  };
}
