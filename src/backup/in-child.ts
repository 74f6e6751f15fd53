/** A backup in a process of its own, so that neither the snapshot nor the reading back holds up the daemon for a moment. */
import { spawn } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { searchPath } from '../config.ts';
import { NanoClawError } from '../errors.ts';
import { projectRoot } from '../lib/project-root.ts';

const reportSchema = z.union([
  z.object({ bytes: z.number() }),
  z.object({ error: z.object({ message: z.string() }) }),
]);

/** Runs `nanoclaw backup --to target`, at low priority. Throws BACKUP_FAILED; leaves nothing half-made, also when aborted. */
export async function backupInChild(
  home: string,
  target: string,
  signal: AbortSignal,
): Promise<{ bytes: number }> {
  const cli = path.join(projectRoot(), 'dist', 'cli.js');
  const child = spawn(process.execPath, [cli, 'backup', '--json', '--to', target], {
    env: { PATH: searchPath(), NANOCLAW_HOME: home },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kill = () => child.kill('SIGKILL');
  signal.addEventListener('abort', kill, { once: true });
  try {
    const ended = new Promise<number | null>((resolve, reject) => {
      child.on('close', resolve);
      child.on('error', reject);
    });
    if (child.pid !== undefined) beNice(child.pid);
    const [code, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
    const { data: report } = reportSchema.safeParse(parsed(stdout));
    if (code === 0 && report && 'bytes' in report) return report;
    const told = report && 'error' in report ? report.error.message : stderr.trim().slice(-300);
    const why = told || `its process ended with ${code ?? 'a signal'}`;
    throw new NanoClawError('BACKUP_FAILED', why);
  } finally {
    signal.removeEventListener('abort', kill);
    removeWorking(target);
  }
}

function beNice(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // It has ended already, or may not be changed: only slower for others.
  }
}

function parsed(stdout: string): unknown {
  try {
    return JSON.parse(stdout);
  } catch {
    return null;
  }
}

/** What a killed process has left beside the target. */
function removeWorking(target: string): void {
  let names: string[];
  try {
    names = readdirSync(path.dirname(target));
  } catch {
    return; // not even the folder was made
  }
  for (const name of names)
    if (name.startsWith(`${path.basename(target)}.`) && name.endsWith('.tmp'))
      rmSync(path.join(path.dirname(target), name), { recursive: true, force: true });
}
