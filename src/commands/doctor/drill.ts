/**
 * The drill: is an agent that was taken over really held? Starts the very containers that the daemon starts for groups,
 * tries from inside what it should not be able to do, and says line by line what came of it. A line that could not be
 * tried fails, and controls (the own folder, an own command, a word that must be found) show that what was refused
 * was not just broken.
 */
import type { Config } from '../../config.ts';
import { messageOf, NanoClawError } from '../../errors.ts';
import { crossings } from './drill-commands.ts';
import * as files from './drill-files.ts';
import * as limits from './drill-limits.ts';
import * as reach from './drill-reach.ts';
import { createDrillWorld, type DrillWorld } from './drill-world.ts';
import { type Finding, fail } from './finding.ts';

type Line = [id: string, fix: string, look: (world: DrillWorld) => Promise<Finding>];

const BUG = 'This is a hole in NanoClaw or in the engine: stop the daemon, and report it (SECURITY.md).';

/** In this order: what fills memory comes last. */
const LINES: readonly Line[] = [
  ['own-folder', 'Give groups/ and data/ to the user the daemon runs as.', files.ownFolder],
  ['other-places', BUG, files.otherPlaces],
  ['other-group', BUG, files.otherGroup],
  ['env-file', BUG, files.envFile],
  ['allowlist', BUG, files.allowlist],
  ['secrets', BUG, files.secrets],
  ['main-view', BUG, files.mainView],
  ['privileges', BUG, limits.privileges],
  ['engine-socket', BUG, reach.engineSocket],
  [
    'network',
    'Use an engine on this machine that runs on Linux and not rootless; until then keep secrets out of every group.',
    reach.network,
  ],
  ['host-services', BUG, reach.hostServices],
  ['metadata', BUG, reach.metadata],
  ['internet', BUG, reach.internet],
  ['other-container', BUG, reach.otherContainer],
  ['commands', BUG, crossings],
  ['file-size', BUG, limits.fileSize],
  ['pids', 'The engine must be able to limit processes: docker info must not warn about it.', limits.pids],
  ['cpu', 'The engine must be able to limit processors: docker info must not warn about it.', limits.cpu],
  [
    'memory',
    'The engine must be able to limit memory and swap: docker info must not warn about it.',
    limits.memory,
  ],
];

const NETWORK = new Set(['host-services', 'metadata', 'internet', 'other-container']);
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Takes about 20 seconds. Tells each finding as it comes. Leaves nothing behind. */
export async function runDrill(config: Config, tell: (finding: Finding) => void): Promise<Finding[]> {
  const findings: Finding[] = [];
  const add = (finding: Finding) => {
    findings.push(finding);
    tell(finding);
  };
  let world: DrillWorld | undefined;
  let interrupted = false;
  const interrupt = () => {
    interrupted = true;
    void world?.dispose(); // the line that runs fails, and the rest is not begun
  };
  for (const signal of SIGNALS) process.once(signal, interrupt);
  try {
    world = await createDrillWorld(config);
  } catch (error) {
    const fix = error instanceof NanoClawError ? error.fix : undefined;
    const advice = fix ?? 'Start the Docker engine; docker version must answer for this user.';
    add(fail('start', `No container could be started: ${messageOf(error)}`, advice));
    return findings;
  }
  try {
    for (const [id, fix, look] of LINES) {
      if (interrupted) break;
      try {
        const finding = await look(world);
        const advice =
          fix === BUG && NETWORK.has(id) && !world.network.enforced ? 'See the line network.' : fix;
        add(finding.state === 'ok' ? finding : { fix: advice, ...finding });
      } catch (error) {
        add(
          fail(
            id,
            `It could not be tried: ${messageOf(error)}`,
            'Run the drill again; the log of the engine may tell more.',
          ),
        );
      }
    }
  } finally {
    await world.dispose();
    for (const signal of SIGNALS) process.off(signal, interrupt);
  }
  if (interrupted) add(fail('interrupted', 'The drill was interrupted.', 'Run it again.'));
  return findings;
}
