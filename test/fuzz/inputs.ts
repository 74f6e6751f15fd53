/** What is thrown at parsers: the corpus, changed and put together; values where others are expected; broken bytes. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';

/** Inputs that have broken something somewhere. Add what breaks something here. */
export const CORPUS = JSON.parse(
  readFileSync(new URL('./corpus.json', import.meta.url), 'utf8'),
) as readonly string[];

const nasty = fc.constantFrom(...CORPUS);

/** Text of any kind, lone surrogates and controls included. */
export const text: fc.Arbitrary<string> = fc.oneof(
  nasty,
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.tuple(nasty, nasty).map(([a, b]) => a + b),
  fc
    .tuple(nasty, fc.nat(50), fc.string({ maxLength: 5 }))
    .map(([a, at, b]) => a.slice(0, at) + b + a.slice(at)),
  fc
    .array(fc.constantFrom(...'*/,-0123456789 @HMONJAN<>&"\'`_[](){}\\|~#=:;.\n\t'), { maxLength: 40 })
    .map((a) => a.join('')),
);

/** Anything that JSON can hold, the keys of the prototype included. */
export const anything: fc.Arbitrary<unknown> = fc.oneof(
  text,
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    0,
    -0,
    -1,
    1.5,
    1e308,
    2 ** 53,
    Number.MAX_SAFE_INTEGER,
    '',
    [],
    {},
  ),
  fc.jsonValue({ maxDepth: 3 }),
  fc.dictionary(
    fc.constantFrom('__proto__', 'constructor', 'toString', 'id', 'type', 'chat', 'length'),
    text,
    {
      maxKeys: 3,
    },
  ),
);

/** A value of the right kind mostly, else anything, else nothing. */
export const mostly = <T>(right: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 12, arbitrary: right },
    { weight: 1, arbitrary: anything },
    { weight: 1, arbitrary: fc.constant(undefined) },
  );

/** An object whose fields are mostly right. */
export const loose = (fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Record<string, unknown>> =>
  fc.record(Object.fromEntries(Object.entries(fields).map(([key, right]) => [key, mostly(right)])), {
    requiredKeys: [],
  });

/** The text as bytes, a few of them changed, cut or doubled. */
export const broken = (source: fc.Arbitrary<string>): fc.Arbitrary<Buffer> =>
  fc
    .tuple(
      source,
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
      fc.option(fc.nat(), { nil: undefined }),
    )
    .map(([whole, changes, cut]) => {
      const bytes = Buffer.from(whole);
      for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value;
      return cut === undefined ? bytes : bytes.subarray(0, cut % (bytes.length + 1));
    });
