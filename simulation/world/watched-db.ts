/** The database as the daemon has it, with a place to die before and behind each of its calls, and somebody who watches. */
import type { Db } from '../../src/db.ts';

/** Told of every call of a repository that returned, committed or not. */
export type Observer = (
  repository: string,
  method: string,
  args: readonly unknown[],
  result: unknown,
) => void;

type Method = (...args: unknown[]) => unknown;

export function watchDb(db: Db, touch: (where: string) => void, observe: Observer): Db {
  const watched: Record<string, unknown> = {};
  for (const [name, part] of Object.entries(db) as [string, unknown][]) {
    watched[name] = part;
    if (typeof part === 'function')
      watched[name] = watchMethod('db', name, part.bind(db) as Method, touch, observe);
    else if (name !== 'sqlite' && part !== null && typeof part === 'object')
      watched[name] = watchRepository(name, part as Record<string, unknown>, touch, observe);
  }
  return watched as unknown as Db;
}

function watchRepository(
  name: string,
  repository: Record<string, unknown>,
  touch: (where: string) => void,
  observe: Observer,
): Record<string, unknown> {
  const watched: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(repository)) {
    watched[key] =
      typeof member === 'function'
        ? watchMethod(name, key, member.bind(repository) as Method, touch, observe)
        : member;
  }
  return watched;
}

function watchMethod(
  repository: string,
  method: string,
  call: Method,
  touch: (where: string) => void,
  observe: Observer,
): Method {
  const before = `before ${repository}.${method}`;
  const behind = `behind ${repository}.${method}`;
  return (...args) => {
    touch(before);
    const result = call(...args);
    observe(repository, method, args, result);
    touch(behind);
    return result;
  };
}
