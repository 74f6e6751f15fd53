import { expect, it } from 'vitest';
import { createReleasers } from './releasers.ts';

it('releases last in, first out, every step, and throws the first error at the end', async () => {
  const releasers = createReleasers();
  const done: string[] = [];
  releasers.add(() => void done.push('first'));
  releasers.add(() => {
    throw new Error('second fails, later');
  });
  releasers.add(async () => {
    await Promise.resolve();
    done.push('third');
  });
  releasers.add(() => Promise.reject(new Error('fourth fails')));
  await expect(releasers.releaseAll()).rejects.toThrow('fourth fails');
  expect(done).toEqual(['third', 'first']);
  await releasers.releaseAll();
  expect(done).toEqual(['third', 'first']);
});
