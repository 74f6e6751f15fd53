/** Every request that reaches a simulator, held against the Bot API's description and Telegram's rules for formatting. */
import type { Simulator } from '../../src/simulator/simulator.ts';
import type { SimCall } from '../../src/simulator/types.ts';
import { requestProblem } from './bot-api-schema.ts';
import { type CheckedEntity, entityProblem } from './telegram-rules.ts';

const MOST_SHOWN = 5;

/** Returns what throws, with the first few, when there was a request that Telegram would refuse or read otherwise. */
export function watchRequests(sim: Pick<Simulator, 'on'>): () => void {
  const problems: string[] = [];
  const off = sim.on('call', (call) => {
    const problem = problemOf(call);
    if (problem !== null && problems.length < MOST_SHOWN) problems.push(`${call.method}: ${problem}`);
  });
  return () => {
    off();
    if (problems.length > 0)
      throw new Error(`requests that Telegram would not take:\n${problems.join('\n')}`);
  };
}

/** Of one request; null when there is none. */
export function problemOf({ method, params }: Pick<SimCall, 'method' | 'params'>): string | null {
  const wrong = requestProblem(method, params);
  if (wrong !== null) return wrong;
  const { text, caption } = params;
  if (typeof text === 'string' && method !== 'answerCallbackQuery')
    return entityProblem(text, entitiesOf(params.entities));
  if (typeof caption !== 'string') return null;
  if (caption.length > 1024) return `${caption.length} units of caption`;
  return entityProblem(caption, entitiesOf(params.caption_entities));
}

/** In a form they are text. */
const entitiesOf = (value: unknown): CheckedEntity[] =>
  (typeof value === 'string' ? JSON.parse(value) : (value ?? [])) as CheckedEntity[];
