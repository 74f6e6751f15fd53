/**
 * What Claude's models cost, so that the host need not take an agent's word for it: the list prices in the catalogue of the Agent SDK
 * that the image has (a test holds the two together). Pure. Of a model that is not listed, such as a gateway's own, nothing is known.
 */

/** USD for a million tokens. */
interface Price {
  input: number;
  output: number;
  /** Into the cache for five minutes, or for an hour; and out of it. */
  write5m: number;
  write1h: number;
  read: number;
  /** Beyond so many tokens of prompt all of it costs that. */
  long?: { above: number; input: number; output: number; write5m: number; write1h: number; read: number };
}

/** As nearly all are: what goes into the cache costs a quarter more or double, what comes out of it `read`. */
const usual = (input: number, output: number, read = input / 10): Price => ({
  input,
  output,
  write5m: input * 1.25,
  write1h: input * 2,
  read,
});

export const CLAUDE_PRICES: Readonly<Record<string, Price>> = {
  'claude-3-5-haiku': usual(0.8, 4),
  'claude-haiku-4-5': usual(1, 5),
  'claude-haiku-5-5': { ...usual(0.1, 0.5), long: { above: 100_000, ...usual(0.5, 2.5) } },
  'claude-3-5-sonnet': usual(3, 15),
  'claude-3-7-sonnet': usual(3, 15),
  'claude-sonnet-4-0': usual(3, 15),
  'claude-sonnet-4-5': usual(3, 15),
  'claude-sonnet-4-6': usual(3, 15),
  'claude-sonnet-5': usual(2, 10),
  'claude-sonnet-5-5': usual(2, 10, 0.1),
  'claude-opus-4-0': usual(15, 75),
  'claude-opus-4-1': usual(15, 75),
  'claude-opus-4-5': usual(5, 25),
  'claude-opus-4-6': usual(5, 25),
  'claude-opus-4-7': usual(5, 25),
  'claude-opus-4-8': usual(5, 25),
  'claude-opus-5': usual(5, 25),
  'claude-opus-5-5': usual(4, 20, 0.2),
  'claude-fable-5': usual(10, 50),
  'claude-fable-5-1': usual(10, 50, 0.25),
  'claude-fable-5-2': usual(8, 40, 0.2),
  'claude-mythos-5': usual(10, 50),
  'claude-mythos-5-1': usual(10, 50, 0.25),
  'claude-mythos-5-2': usual(8, 40, 0.2),
};

/** Tokens of one request by what they cost. `write1h`: of what went into the cache. */
export interface ClaudeTokens {
  input: number;
  output: number;
  write5m: number;
  write1h: number;
  read: number;
}

/** What one request cost, in USD; null: nobody knows the model. */
export function claudeCost(model: string, tokens: ClaudeTokens): number | null {
  const name = model.replace(/\[1m\]$/, '').replace(/[-@]\d{8}$/, '');
  const known = [name, `${name}-0`].find((one) => Object.hasOwn(CLAUDE_PRICES, one));
  const price = known === undefined ? undefined : CLAUDE_PRICES[known];
  if (price === undefined) return null;
  const { input, output, write5m, write1h, read } = tokens;
  const at = price.long && input + write5m + write1h + read > price.long.above ? price.long : price;
  return (
    (input * at.input + output * at.output + write5m * at.write5m + write1h * at.write1h + read * at.read) /
    1_000_000
  );
}
