/** nanoclaw image: builds the agent image when it is missing or older than the sources. */
import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { Engine } from '../docker/engine.ts';
import { ensureImage } from '../docker/image.ts';
import { projectRoot } from '../lib/project-root.ts';
import { type Output, print } from './context.ts';

export function imageCommand(program: Command): void {
  program
    .command('image')
    .description('build the agent image when it is missing or out of date')
    .option('--base <image>', 'base image (default: node:24-bookworm-slim, else the offline base)')
    .option('--json', 'machine-readable')
    .action(async (options: Output & { base?: string }) => {
      const config = loadConfig();
      const engine = new Engine(config.engine);
      try {
        const state = await ensureImage(engine, {
          image: config.containerImage,
          projectRoot: projectRoot(),
          variant: config.imageVariant,
          baseImage: options.base ?? config.baseImage,
          onProgress: (line) => process.stderr.write(`${line}\n`),
        });
        print(
          options,
          { image: config.containerImage, ...state },
          `${config.containerImage}: ${state.state}${state.warning ? ` (${state.warning})` : ''}`,
        );
      } finally {
        engine.close();
      }
    });
}
