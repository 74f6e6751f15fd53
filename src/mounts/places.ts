/** Where the allowlist lies and what it can never open, for a home. */
import path from 'node:path';
import { type AddressSource, usualSockets } from '../docker/engine-address.ts';
import { projectRoot } from '../lib/project-root.ts';
import type { AllowlistPlace } from './allowlist.ts';

export interface MountPlaces {
  place: AllowlistPlace;
  guarded: string[];
}

export function mountPlaces(config: { home: string; configDir: string; engine: AddressSource }): MountPlaces {
  const { home, configDir, engine } = config;
  const below = (...names: string[]) => path.join(home, ...names);
  const given = engine.dockerHost?.replace(/^unix:\/\//, '') ?? '';
  return {
    place: {
      file: path.join(configDir, 'mount-allowlist.json'),
      homeDir: engine.homeDir ?? '/',
      agentWritable: [below('groups'), below('data')],
    },
    // The daemon's own things, its code, what decides over all others, and the engine.
    guarded: [
      ...['data', 'groups', '.env', 'nanoclaw.log'].map((name) => below(name)),
      ...[projectRoot(), configDir, ...usualSockets(engine)],
      ...(given.startsWith('/') ? [given] : []),
    ],
  };
}
