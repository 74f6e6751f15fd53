/**
 * The shapes of docs/cli.md: JSON whose leaves name types ("string", "number", "boolean", "null", "any", joined by |). An array
 * has one element, the shape of each of its own. A key with ? may be missing; the key "*" stands for any other key, and the key
 * "| null" says that null may stand for the object.
 */
type Shape = string | Shape[] | { [key: string]: Shape };

/** Where `value` is not of that shape, as "path: what is wrong"; empty when it is. */
export function misfits(shape: Shape, value: unknown, at = '$'): string[] {
  if (typeof shape === 'string') {
    const kinds = shape.split('|');
    const kind = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
    return kinds.includes('any') || kinds.includes(kind) ? [] : [`${at}: ${kind}, expected ${shape}`];
  }
  if (Array.isArray(shape)) {
    if (!Array.isArray(value)) return [`${at}: expected an array`];
    return value.flatMap((each, n) => misfits(shape[0] ?? 'any', each, `${at}[${n}]`));
  }
  const orNull = Object.hasOwn(shape, '| null');
  if (orNull && value === null) return [];
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return [`${at}: expected an object`];
  const found = new Map(Object.entries(value));
  const wrong: string[] = [];
  for (const [name, of] of Object.entries(shape)) {
    if (name === '*' || name === '| null') continue;
    const key = name.replace(/\?$/, '');
    if (found.has(key)) wrong.push(...misfits(of, found.get(key), `${at}.${key}`));
    else if (!name.endsWith('?')) wrong.push(`${at}.${key}: missing`);
    found.delete(key);
  }
  for (const [key, each] of found)
    wrong.push(
      ...(shape['*'] === undefined
        ? [`${at}.${key}: not documented`]
        : misfits(shape['*'], each, `${at}.${key}`)),
    );
  return wrong;
}
