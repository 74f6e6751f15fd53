import { describe, expect, it } from 'vitest';
import { addMounts, MOST_MOUNTS, parseMount } from './parse-mount.ts';

const parse = (text: string) => parseMount(text, '/srv', '/home/me');

describe('parseMount', () => {
  it.each([
    ['/srv/notes', { name: 'notes', hostPath: '/srv/notes', writable: false }],
    ['/srv/notes:n:rw', { name: 'n', hostPath: '/srv/notes', writable: true }],
    ['/srv/notes:rw', { name: 'notes', hostPath: '/srv/notes', writable: true }],
    ['/srv/notes:n:ro', { name: 'n', hostPath: '/srv/notes', writable: false }],
    ['~/drop', { name: 'drop', hostPath: '/home/me/drop', writable: false }],
    ['docs/a', { name: 'a', hostPath: '/srv/docs/a', writable: false }],
    ['/srv/a:b/c', { name: 'c', hostPath: '/srv/a:b/c', writable: false }],
    ['/srv/../srv/x/', { name: 'x', hostPath: '/srv/x', writable: false }],
  ])('reads %s', (text, expected) => expect(parse(text)).toEqual(expected));

  it.each([
    '',
    ':notes',
    '/',
    '/srv/my notes',
    '/srv/.hidden',
    '/srv/x:..',
    '/srv/x:a b',
    '/srv/x::rw',
    '/srv/\0',
  ])('refuses "%s" and says what was expected', (text) =>
    expect(() => parse(text)).toThrow(/^--mount: expected /),
  );
});

describe('addMounts', () => {
  const mount = (name: string, hostPath = '/a') => ({ name, hostPath, writable: false });
  it('replaces by name, whatever its case, and keeps the rest', () => {
    expect(addMounts([mount('a'), mount('b')], [mount('B', '/new')])).toEqual([
      mount('a'),
      mount('B', '/new'),
    ]);
    expect(() => addMounts([], [mount('a'), mount('A')])).toThrow(/different name/);
    const many = Array.from({ length: MOST_MOUNTS + 1 }, (_, n) => mount(`m${n}`));
    expect(() => addMounts([], many)).toThrow(/at most/);
  });
});
