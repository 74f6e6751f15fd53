/** `nanoclaw doctor --json` as a process, on a home whose faults the tests plant. */
import { mkdirSync } from 'node:fs';
import { expect } from 'vitest';
import type { Finding } from '../../src/commands/doctor/finding.ts';
import { type Settings, TestHome } from './daemon.ts';

export interface Report {
  code: number | null;
  passed: boolean;
  findings: Finding[];
  /** Throws when there is no such line. */
  of(id: string): Finding;
}

/** A home with its own ~/.config; agents are plain processes unless the settings say otherwise. */
export function patient(settings: Settings = {}): TestHome {
  const home = new TestHome({ CONTAINER_RUNTIME: 'process', ...settings });
  home.settings.HOME = home.file('user');
  mkdirSync(home.file('user'));
  return home;
}

export async function doctor(home: TestHome, ...args: string[]): Promise<Report> {
  return await doctorWith(home, {}, ...args);
}

/** Whatever it finds: one JSON value, nothing on stderr that looks like a stack trace, and the exit code that fits. */
export async function doctorWith(home: TestHome, settings: Settings, ...args: string[]): Promise<Report> {
  const { code, stdout, stderr } = await home.nanoclawWith(settings, 'doctor', '--json', ...args);
  expect(stderr).not.toMatch(/^\s+at /m);
  const report = JSON.parse(stdout) as Pick<Report, 'passed' | 'findings'>;
  const isPassed = report.findings.every(({ state }) => state !== 'fail');
  expect([report.passed, code]).toEqual([isPassed, isPassed ? 0 : 1]);
  for (const { state, fix, seen } of report.findings) {
    expect(seen).not.toBe('');
    if (state !== 'ok') expect(fix).toEqual(expect.stringMatching(/\S/));
  }
  const of = (id: string): Finding => {
    const found = report.findings.find((finding) => finding.id === id);
    if (!found) throw new Error(`there is no line ${id} in ${JSON.stringify(report.findings)}`);
    return found;
  };
  return { code, ...report, of };
}
