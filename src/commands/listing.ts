/** What the listing commands share: limits, following, and text that cannot steer a terminal. */
import { watch } from 'node:fs';
import path from 'node:path';
import { NanoClawError } from '../errors.ts';

/** A whole number from 1 to 10000. */
export function limitOf(text: string, option = '--limit'): number {
  const limit = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= 10_000) return limit;
  throw new NanoClawError('COMMAND_INVALID', `${option} is "${text}"; expected a number from 1 to 10000.`);
}

/** On one line, without control characters, so that what a chat has written cannot steer the terminal. */
export function oneLine(text: string, longest = 100): string {
  const plain = text.replace(/\s+/g, ' ').replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '');
  const characters = [...plain];
  return characters.length > longest ? `${characters.slice(0, longest - 1).join('')}…` : plain;
}

/** Calls `show` now and after each change of the database, until the process is ended. */
export async function follow(home: string, show: () => void): Promise<never> {
  let planned = false;
  // Before the first look, so that nothing falls between the two.
  watch(path.join(home, 'data'), () => {
    if (planned) return;
    planned = true;
    setTimeout(() => {
      planned = false;
      show();
    }, 100);
  });
  show();
  return new Promise(() => {});
}
