import { expect, it } from 'vitest';
import { lazily, withLazy } from './lazily.ts';

it('makes a thing when it is first asked for, and once', () => {
  let made = 0;
  const thing = lazily(() => ({ number: ++made }));
  expect(made).toBe(0);
  expect(thing()).toBe(thing());
  expect(made).toBe(1);
});

it('adds properties that are made when they are looked at, each once, and that copy as any other', () => {
  const made: string[] = [];
  const make = (name: string) => () => {
    made.push(name);
    return { name };
  };
  const all = withLazy({ here: 1 }, { first: make('first'), second: make('second') });
  expect(Object.keys(all)).toEqual(['here', 'first', 'second']);
  expect(made).toEqual([]);
  expect(all.second).toBe(all.second);
  expect(made).toEqual(['second']);
  expect({ ...all }.first).toBe(all.first);
  expect(made).toEqual(['second', 'first']);
});
