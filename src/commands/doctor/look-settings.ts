/** Are the settings what the daemon can start with, and is each of them one that it knows? */
import { settingsSchema } from '../../config/settings.ts';
import { credentialSettings, dotEnvKeys } from '../../config.ts';
import type { Check } from './check.ts';
import { fail, ok, warn } from './finding.ts';

const settings: Check = {
  id: 'settings',
  homeOnly: true,
  async look({ home, wrong }) {
    if (wrong) {
      const seen = wrong.message.replace(/:\s*\n\s*/, ': ').replace(/\s*\n\s*/g, '; ');
      return fail(
        'settings',
        `${seen}.`,
        `${wrong.fix ?? ''} Then run doctor again: the rest needs them.`.trim(),
      );
    }
    const unknown = dotEnvKeys(home).filter((key) => !(key in settingsSchema.shape));
    if (unknown.length > 0)
      return warn(
        'settings',
        `.env has what is no setting and is not read: ${unknown.join(', ')}.`,
        'Correct the names (docs/operations.md lists all), or take the lines out.',
      );
    const [first, ...others] = credentialSettings();
    if (others.length > 0)
      return warn(
        'settings',
        `Several credentials are set: ${first} is used, ${others.join(' and ')} not.`,
        'Keep the one that is meant, and take the others out of .env and the environment.',
      );
    return ok('settings', 'The settings are sound.');
  },
};

export const SETTINGS_CHECKS: readonly Check[] = [settings];
