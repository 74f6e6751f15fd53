import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'container/agent-runner/src/**/*.test.ts', 'test/**/*.test.ts'],
    // The browser's image takes minutes to build: `npm run test:browser`.
    exclude: [
      '**/node_modules/**',
      ...(process.env.NANOCLAW_BROWSER_TESTS ? [] : ['test/docker/browser.docker.test.ts']),
    ],
    globalSetup: ['test/support/global-setup.ts'],
    reporters: ['default', './test/support/summary-reporter.ts'],
    pool: 'forks',
    // Suites start daemons, containers and a browser: more at once only makes them slow.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 20_000,
    // A person's own settings must not decide a test.
    env: { TZ: 'UTC' },
  },
});
