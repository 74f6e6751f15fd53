/** A network policy that cannot be enforced here: its group does not start, says so, and main hears of it once. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { Group, NetworkPolicy } from '../../src/types.ts';
import { InnerDaemon } from '../support/inner-daemon.ts';

let daemon: InnerDaemon;
let main: Group;
let family: Group;

beforeEach(() => {
  daemon = new InnerDaemon();
  daemon.agent.runtime.networkEnforcement = () => ({ enforced: false, reason: 'as the test says' });
  main = daemon.register('main', { isMain: true });
  family = daemon.register('family', { network: 'none' });
});

const set = (network: NetworkPolicy) =>
  daemon.db.groups.update({ ...family, network, networkAllow: ['example.org'] });
const heard = (group: Group, count: number) => daemon.until(() => daemon.told(group).length >= count);
const problems = () => daemon.app?.status().problems.map(({ kind, subject }) => `${kind} ${subject}`);

describe('where policies cannot be enforced', () => {
  it.each(['none', 'allowlist'] as const)('a group with %s does not start; open ones do', async (policy) => {
    set(policy);
    await daemon.start();
    await daemon.say(family, '@Nina one');
    await heard(family, 1);
    expect(daemon.told(family)).toEqual([expect.stringMatching(/^I do not start here: .*network policy/)]);
    await heard(main, 1);
    expect(daemon.told(main)).toEqual([
      `The agent of “family” does not start: its network policy is "${policy}", which cannot be enforced here: as the test says.`,
    ]);
    expect(problems()).toEqual(['network family']);
    expect(daemon.agent.turns).toEqual([]);
    expect(daemon.app?.status().network).toEqual({ enforced: false, reason: 'as the test says' });

    const garden = daemon.register('garden');
    await daemon.say(garden, '@Nina two');
    await heard(garden, 1);
    expect(daemon.told(garden)).toEqual(['done']);
    expect(daemon.told(main)).toHaveLength(1);

    set('open');
    await daemon.say(family, '@Nina three');
    await heard(family, 2);
    expect(daemon.told(family)[1]).toBe('done');
    await heard(main, 2);
    expect(daemon.told(main)[1]).toBe('The agent of “family” starts again.');
    expect(problems()).toEqual([]);
  });

  it('an agent that was started under another policy does not stay', async () => {
    set('open');
    await daemon.start();
    await daemon.say(family, '@Nina one');
    await heard(family, 1);
    expect(daemon.app?.status().agents).toMatchObject([{ group: 'family', state: 'idle' }]);
    set('none');
    await daemon.say(family, '@Nina two');
    await heard(family, 2);
    await daemon.until(() => daemon.app?.status().agents.length === 0);
    expect(daemon.agent.turns).toHaveLength(1);
  });
});
