import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AllowlistPlace, isWithin, parseAllowlist, readAllowlist } from './allowlist.ts';
import { checkMount } from './check-mount.ts';

let dir: string;
let place: AllowlistPlace;
beforeEach(() => {
  dir = realpathSync(mkdtempSync(path.join(tmpdir(), 'nanoclaw-mounts-')));
  place = { file: path.join(dir, 'list.json'), homeDir: path.join(dir, 'me'), agentWritable: [at('agents')] };
  for (const name of ['root/notes', 'outside', 'agents', 'me/drop']) mkdirSync(at(name), { recursive: true });
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const at = (...names: string[]) => path.join(dir, ...names);
const write = (list: unknown) =>
  writeFileSync(place.file, typeof list === 'string' ? list : JSON.stringify(list));
const allowRoot = (more: object = {}, top: object = {}) =>
  write({ allowedRoots: [{ path: at('root'), ...more }], ...top });

/** "ok", or why not. */
async function judge(
  hostPath: string,
  more: { writable?: boolean; isMain?: boolean; guarded?: string[] } = {},
) {
  const { writable = false, isMain = false, guarded = [] } = more;
  const context = { allowlist: await readAllowlist(place), isMain, guarded };
  return checkMount({ name: 'x', hostPath, writable }, context);
}
const reason = async (...args: Parameters<typeof judge>) => {
  const verdict = await judge(...args);
  return verdict.ok ? 'ok' : verdict.reason;
};

describe('the allowlist', () => {
  it('allows nothing when it is missing, and says which file', async () => {
    expect(await reason(at('root/notes'))).toBe(
      `nothing is allowed, because there is no mount allowlist (${place.file})`,
    );
  });

  it.each([
    ['not json', /expected JSON/],
    ['[]', /the file: /],
    ['{}', /allowedRoots/],
    ['{"allowedRoots":[{"path":"relative"}]}', /allowedRoots\.0\.path: expected an absolute path/],
    ['{"allowedRoots":[{"path":"/x","allowReadWrite":"yes"}]}', /expected true, false or "main"/],
    ['{"allowedRoots":[{"path":"/x","readwrite":true}]}', /readwrite/],
    ['{"allowedRoots":[],"blockedPattern":[]}', /blockedPattern/],
    ['{"allowedRoots":[],"blockedPatterns":["a/b"]}', /expected the name of a file or folder/],
    ['{"allowedRoots":[],"allowedNames":["*"]}', /expected more than \*/],
  ])('allows nothing when it is %s', async (text, expected) => {
    write(text);
    const why = await reason(at('root/notes'));
    expect(why).toMatch(/^nothing is allowed, because the mount allowlist .* is malformed: /);
    expect(why).toMatch(expected);
  });

  it('allows nothing when anybody could have written it', async () => {
    allowRoot();
    chmodSync(place.file, 0o666);
    expect(await reason(at('root/notes'))).toMatch(/written by everybody: chmod o-w/);
    rmSync(place.file);
    place = { ...place, file: at('agents/list.json') };
    allowRoot();
    expect(await reason(at('root/notes'))).toMatch(/where agents write/);
    symlinkSync(place.file, at('link.json'));
    place = { ...place, file: at('link.json') };
    expect(await reason(at('root/notes'))).toMatch(/where agents write/);
  });

  it('is no pipe and no folder', async () => {
    mkdirSync(place.file);
    expect(await reason(at('root/notes'))).toMatch(/^nothing is allowed/);
  });

  it('counts from the next look when it changes', async () => {
    allowRoot();
    expect(await reason(at('root/notes'))).toBe('ok');
    write({ allowedRoots: [] });
    expect(await reason(at('root/notes'))).toMatch(/not below any/);
  });

  it('knows ~', async () => {
    write({ allowedRoots: [{ path: '~/drop' }] });
    expect(await reason(at('me/drop'))).toBe('ok');
  });

  it('never throws and never allows what no root holds, whatever it says', () => {
    const json = fc.oneof(
      fc.json(),
      fc.string(),
      fc.object().map((each) => JSON.stringify(each)),
    );
    fc.assert(
      fc.property(json, (text) => {
        const parsed = parseAllowlist(text, '/home/me');
        if (typeof parsed !== 'string')
          for (const root of parsed.allowedRoots) expect(root.path).toMatch(/^\//);
      }),
    );
  });
});

describe('a mount', () => {
  it('is the root itself or lies below it, not beside it', async () => {
    allowRoot();
    mkdirSync(at('root-2'));
    expect(await reason(at('root'))).toBe('ok');
    expect(await reason(at('root/notes'))).toBe('ok');
    expect(await reason(at('root-2'))).toMatch(/not below any/);
    expect(await reason(at('root/../outside'))).toMatch(/not below any/);
    expect(await reason(at('root/missing'))).toMatch(/does not exist/);
    expect(await reason('root/notes')).toMatch(/no absolute path/);
  });

  it('is judged where its links lead, not where they stand', async () => {
    allowRoot();
    symlinkSync(at('outside'), at('root/escape'));
    symlinkSync(at('root/notes'), at('outside/back'));
    symlinkSync(at('root/loop'), at('root/loop'));
    expect(await reason(at('root/escape'))).toMatch(/outside is not below any/);
    expect(await judge(at('outside/back'))).toMatchObject({
      ok: true,
      mount: { hostPath: at('root/notes') },
    });
    expect(await reason(at('root/loop'))).toMatch(/cannot be looked at/);
    symlinkSync(at('outside'), at('linked-root'));
    write({ allowedRoots: [{ path: at('linked-root') }] });
    expect(await reason(at('outside'))).toBe('ok');
  });

  it('bears no blocked name, in the path as asked, as resolved, or directly inside', async () => {
    allowRoot({}, { blockedPatterns: ['diary*'] });
    for (const name of ['root/.SSH/keys', 'root/Diary 2026', 'root/app/src', 'root/deep/x/.env'])
      mkdirSync(at(name), { recursive: true });
    symlinkSync(at('root/notes'), at('root/.aws'));
    expect(await reason(at('root/.SSH/keys'))).toMatch(/"\.SSH" in .* is blocked \(pattern "\.ssh"\)/);
    expect(await reason(at('root/Diary 2026'))).toMatch(/pattern "diary\*"/);
    expect(await reason(at('root/.aws'))).toMatch(/"\.aws" in .* is blocked/);
    expect(await reason(at('root/app'))).toBe('ok');
    writeFileSync(at('root/app/.env'), 'secret');
    expect(await reason(at('root/app'))).toMatch(/contains "\.env"/);
    expect(await reason(at('root/app/src'))).toBe('ok');
    writeFileSync(at('root/notes/server.pem'), 'secret');
    expect(await reason(at('root/notes/server.pem'))).toMatch(/blocked/);
  });

  it('opens nothing that is guarded, and nothing around it', async () => {
    write({ allowedRoots: [{ path: '/' }] });
    const guarded = [at('root/notes/data')];
    mkdirSync(at('root/notes/data/ipc'), { recursive: true });
    for (const name of ['root', 'root/notes', 'root/notes/data', 'root/notes/data/ipc'])
      expect(await reason(at(name), { guarded })).toMatch(/which no agent may see/);
    expect(await reason(at('outside'), { guarded })).toBe('ok');
    for (const system of ['/', '/etc', '/proc/1', '/dev', '/var'])
      expect(await reason(system)).toMatch(/which no agent may see|does not exist/);
  });

  it('is a folder or a file, never a socket', async () => {
    allowRoot();
    writeFileSync(at('root/list.txt'), '');
    expect(await reason(at('root/list.txt'))).toBe('ok');
    const server = createServer();
    await new Promise<void>((done) => server.listen(at('root/s'), done));
    expect(await reason(at('root/s'))).toMatch(/neither a folder nor a file/);
    server.close();
  });

  it.each([
    [false, {}, [false, false]],
    [true, {}, [true, true]],
    ['main', {}, [false, true]],
    [true, { nonMainReadOnly: true }, [false, true]],
  ] as const)('is writable when its root says so: %s %o', async (allowReadWrite, top, [group, main]) => {
    allowRoot({ allowReadWrite }, top);
    for (const [isMain, expected] of [
      [false, group],
      [true, main],
    ] as const) {
      const asked = await judge(at('root/notes'), { writable: true, isMain });
      expect(asked).toMatchObject({ ok: true, mount: { writable: expected, madeReadOnly: !expected } });
      const unasked = await judge(at('root/notes'), { isMain });
      expect(unasked).toMatchObject({ ok: true, mount: { writable: false, madeReadOnly: false } });
    }
  });

  it('follows the most specific root', async () => {
    write({ allowedRoots: [{ path: at('root/notes') }, { path: at('root'), allowReadWrite: true }] });
    expect(await judge(at('root/notes'), { writable: true })).toMatchObject({ mount: { writable: false } });
    expect(await judge(at('root'), { writable: true })).toMatchObject({ mount: { writable: true } });
  });
});

describe('isWithin', () => {
  it('compares whole components', () => {
    expect(isWithin('/a/b', '/a')).toBe(true);
    expect(isWithin('/ab', '/a')).toBe(false);
    expect(isWithin('/a', '/')).toBe(true);
  });
});
