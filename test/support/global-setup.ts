/** Once per run: makes dist/ fresh, which the suites start programs from. Quick when it is. */
import bootstrap from '../../scripts/bootstrap.cjs';

export default async function buildOnce(): Promise<void> {
  const setup = bootstrap.createSetup();
  try {
    await bootstrap.ensureBuilt(setup, process.execPath);
  } catch (error) {
    // `npm test` has built already and would have failed there. Started by hand, what needs no build may still run.
    console.warn(
      `Suites that start dist/ will fail: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
