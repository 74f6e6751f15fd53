/**
 * Ends a run with every skipped suite and test and why, and as the very last line "N passed, N failed[, N skipped]".
 *
 * The reason is what was given to `ctx.skip('reason')`, or stands in a suite's or test's name:
 * `describe.skipIf(whyNot)(`a real container${whyNot ? ` (skipped: ${whyNot})` : ''}`, …)`.
 * With NANOCLAW_REQUIRE_DOCKER=1 a skipped Docker test (in test/docker/, or with Docker in its reason) is a failure.
 */
import path from 'node:path';
import type { Reporter, TestCase, TestModule, TestSuite } from 'vitest/node';

interface Skipped {
  what: string;
  reason: string;
  needsDocker: boolean;
}

export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    let passed = 0;
    let failed = unhandledErrors.length;
    const skipped: Skipped[] = [];
    for (const module of modules) {
      const tests = [...module.children.allTests()];
      for (const test of tests) {
        const { state } = test.result();
        if (state === 'passed') passed += 1;
        else if (state === 'skipped') skipped.push(describeSkipped(module, test));
        else failed += 1;
      }
      // A file that fails to load or whose hooks fail has no failed test to show for it.
      if (module.state() === 'failed' && !tests.some((test) => test.result().state === 'failed')) failed += 1;
    }

    const lines: string[] = [];
    const required = process.env.NANOCLAW_REQUIRE_DOCKER === '1';
    const refused = required ? skipped.filter((skip) => skip.needsDocker) : [];
    if (refused.length > 0) {
      failed += refused.length;
      process.exitCode = 1;
      lines.push('', 'Skipped, but NANOCLAW_REQUIRE_DOCKER=1 makes that a failure:', ...list(refused));
    }
    const allowed = skipped.filter((skip) => !refused.includes(skip));
    if (allowed.length > 0) lines.push('', 'Skipped:', ...list(allowed));
    lines.push(
      '',
      `${passed} passed, ${failed} failed${allowed.length > 0 ? `, ${allowed.length} skipped` : ''}`,
    );
    process.stdout.write(`${lines.join('\n')}\n`);
  }
}

function describeSkipped(module: TestModule, test: TestCase): Skipped {
  const result = test.result();
  const note = result.state === 'skipped' ? result.note : undefined;
  const names = [test.name];
  let whole: TestSuite | undefined;
  for (let parent = test.parent; parent.type === 'suite'; parent = parent.parent) {
    names.push(parent.name);
    if ([...parent.children.allTests()].every((other) => other.result().state === 'skipped')) whole = parent;
  }
  const inName = names.map((name) => /\(skipped: (.+)\)/.exec(name)?.[1]).find((text) => text !== undefined);
  const file = path.relative(process.cwd(), module.moduleId);
  const reason = note ?? inName ?? 'no reason given';
  return {
    what: `${file} › ${(whole ?? test).fullName.replace(/ \(skipped: .+?\)(?= >|$)/g, '')}`,
    reason,
    needsDocker: file.startsWith(path.join('test', 'docker')) || /docker/i.test(reason),
  };
}

/** One line per suite or test and reason, with how many tests it stands for. */
function list(skipped: readonly Skipped[]): string[] {
  const counts = new Map<string, number>();
  for (const { what, reason } of skipped) {
    const line = `  ${what}: ${reason}`;
    counts.set(line, (counts.get(line) ?? 0) + 1);
  }
  return [...counts].map(([line, count]) => (count === 1 ? line : `${line} (${count} tests)`));
}
