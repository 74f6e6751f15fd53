import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { isShown, projectView } from './project-view.ts';

describe('isShown', () => {
  it.each([
    'src',
    'data',
    'groups',
    'package.json',
    'README.md',
    'nanoclaw.log',
    '.env.example',
    '.gitignore',
    'tokenizer',
    'SECURITY.md',
    'docs',
  ])('shows %s', (name) => expect(isShown(name)).toBe(true));
  it.each([
    '.env',
    '.env.local',
    '.env.production',
    '.git',
    '.git-credentials',
    '.npmrc',
    '.ssh',
    '.aws',
    '.config',
    '.netrc',
    'prod.env',
    'server.pem',
    'server.key',
    'tls.key.bak',
    'secrets',
    'secret.json',
    'my-credentials.json',
    'tokens.txt',
    'id_rsa',
    'id_ed25519.pub',
    'mount-allowlist.json',
    'sender-allowlist.json',
    'node_modules',
  ])('hides %s', (name) => expect(isShown(name)).toBe(false));
});

describe('projectView', () => {
  const dir = mkdtempSync(join(tmpdir(), 'nanoclaw-view-'));
  const elsewhere = mkdtempSync(join(tmpdir(), 'nanoclaw-view-'));
  afterAll(() => {
    for (const each of [dir, elsewhere]) rmSync(each, { recursive: true, force: true });
  });

  it('binds each shown entry by itself, read-only, and covers the secret parts of data', () => {
    mkdirSync(join(dir, 'src'));
    writeFileSync(join(dir, '.env'), 'secret');
    writeFileSync(join(dir, 'package.json'), '{}');
    symlinkSync(elsewhere, join(dir, 'data'));
    symlinkSync('/etc', join(dir, 'linked'));
    const view = projectView(dir);
    expect(view.mounts.map(({ Source, Target }) => [Source, Target]).sort()).toEqual(
      [
        [elsewhere, '/workspace/project/data'],
        [join(dir, 'package.json'), '/workspace/project/package.json'],
        [join(dir, 'src'), '/workspace/project/src'],
      ].sort(),
    );
    expect(view.mounts.every((mount) => mount.ReadOnly)).toBe(true);
    expect(Object.keys(view.tmpfs)).toEqual([
      '/workspace/project',
      '/workspace/project/data/backups',
      '/workspace/project/data/exports',
      '/workspace/project/data/sessions',
      '/workspace/project/data/run',
    ]);
    expect(existsSync(join(elsewhere, 'backups'))).toBe(true);
  });
});
