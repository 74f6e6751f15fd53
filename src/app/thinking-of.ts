/** What groups think with under these settings, as the container runner asks it. */
import { priceOf } from '../config/openai.ts';
import type { Config } from '../config.ts';
import type { ContainerRunnerOptions } from '../container-runner/contract.ts';
import { FREE } from '../db/charges.ts';
import { lackOf, meansOf, thinksWith } from '../policy/thinking.ts';
import type { Group, RuntimeName } from '../types.ts';

/** `runtime`: asked when a turn is to begin, when it has been chosen. */
export function thinkingOf(
  config: Config,
  runtime: () => RuntimeName,
): Pick<ContainerRunnerOptions, 'thinks' | 'lackOf' | 'priceOf'> {
  const thinks = (group: Group) => thinksWith(group, config.thinking);
  const means = meansOf(config);
  return {
    thinks,
    lackOf: (group) => lackOf(thinks(group), means, config.runtime === 'docker' || runtime() === 'docker'),
    priceOf({ provider, model }) {
      if (provider !== 'openai' || config.openai === null) return null;
      return priceOf(config.openai.prices, model) ?? FREE;
    },
  };
}
