/** How late bare timers are: a Node with nothing else to do, and as many timers as there are due tasks. */
import type { Cleanups } from './cleanups.ts';
import { start } from './processes.ts';

/** Lateness in ms of one timer for each of the instants, given as milliseconds from about now. */
export async function bareTimerLateness(cleanups: Cleanups, inMs: readonly number[]): Promise<number[]> {
  const bare = start(cleanups, { args: [process.argv[1] ?? '', '--bare-timers'] });
  bare.child.stdin.end(JSON.stringify(inMs));
  await bare.said('\n');
  await bare.stop();
  return JSON.parse(bare.output()) as number[];
}

export async function bareTimers(): Promise<void> {
  let given = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) given += String(chunk);
  const begin = Date.now();
  const late = await Promise.all(
    (JSON.parse(given) as number[]).map(
      (inMs) =>
        new Promise<number>((resolve) => {
          setTimeout(() => resolve(Date.now() - begin - inMs), inMs);
        }),
    ),
  );
  console.log(JSON.stringify(late));
}
