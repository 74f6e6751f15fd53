import { expect, it } from 'vitest';
import { chooseThinking, OFFLINE_GROUND } from './thinking.ts';

it('what is chosen holds nothing else of a group: other changes made with it stay', () => {
  const none = { provider: null, model: null, effort: null, maxTurns: null, maxThinking: null };
  const group = { ...none, network: 'open', name: 'Family' };
  expect(chooseThinking(group, {}, OFFLINE_GROUND)).toEqual(none);
});
