/** A short soak: all is answered once and nothing stays open. Trends are for the long one (npm run soak). */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { expect, it } from 'vitest';

it('half a minute of messages, tasks, files, edits and commands is answered, each once', async () => {
  const soak = path.resolve(import.meta.dirname, '../../dist/soak.js');
  const { code, output } = await new Promise<{ code: number; output: string }>((resolve) => {
    const child = execFile(
      process.execPath,
      [soak, '--minutes', '0.5', '--rate', '5', '--groups', '8'],
      (_, stdout, stderr) => resolve({ code: child.exitCode ?? -1, output: stderr.slice(-2000) + stdout }),
    );
  });
  expect(code, output).toBe(0);
  expect(output).toContain('All answered, each once, nothing left open.');
}, 600_000);
