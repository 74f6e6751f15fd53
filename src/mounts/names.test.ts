import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createNameFilter, DEFAULT_BLOCKED } from './names.ts';

const blockedBy = createNameFilter(DEFAULT_BLOCKED);

describe('the names that are never mounted', () => {
  it.each([
    ...[
      '.ssh',
      '.SSH',
      '.gnupg',
      '.aws',
      '.kube',
      '.docker',
      '.config-secrets.pem',
      'server.key',
      'SERVER.PEM',
    ],
    ...['id_rsa', 'id_rsa.pub', 'id_ed25519', '.env', '.ENV', '.env.production', 'prod.env', 'credentials'],
    ...['credentials.json', 'google-credentials.json', '.netrc', '.git-credentials', '.npmrc', 'secrets'],
    ...[
      'wallet.dat',
      'My Wallet',
      'Firefox',
      '.mozilla',
      'google-chrome-beta',
      'Login Data',
      '.password-store',
    ],
    ...['passwords.kdbx', 'docker.sock', '.bash_history', 'mount-allowlist.json', 'terraform.tfstate'],
  ])('blocks %s', (name) => expect(blockedBy(name)).not.toBe(null));

  it.each([
    ...[
      'notes',
      'src',
      'ssh',
      'environment',
      '.environment',
      'keys',
      'monkey.txt',
      'pem',
      'idea',
      'tokenizer',
    ],
    ...['.env.example', '.env.sample', 'secretary', 'credentialing', '.gitignore', 'aws', 'README.md'],
  ])('lets %s through', (name) => expect(blockedBy(name)).toBe(null));

  it('knows * and ?, whatever the case and however an accent is encoded', () => {
    const by = createNameFilter(['a?c*.TXT', 'café']);
    expect(by('ABCdef.txt')).toBe('a?c*.TXT');
    expect(by('ac.txt')).toBe(null);
    expect(by('CAFE\u0301')).toBe('café');
  });

  it('makes exceptions where the operator names them', () => {
    const by = createNameFilter(DEFAULT_BLOCKED, ['slides.key']);
    expect([by('slides.key'), by('other.key')]).toEqual([null, '*.key']);
  });

  it('says the same as a regular expression, for any pattern and name, and never hangs', () => {
    const piece = fc.constantFrom('*', '?', 'a', 'b', '.', '\\', '[', '(', '+');
    const words = fc.array(piece, { maxLength: 12 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(words, words, (pattern, name) => {
        const source = pattern
          .replace(/[\\[(+.]/g, '\\$&')
          .replace(/\*/g, '.*')
          .replace(/\?/g, '.');
        const expected = new RegExp(`^${source}$`, 's').test(name);
        expect(createNameFilter([pattern])(name) !== null).toBe(expected);
      }),
    );
    expect(createNameFilter(['*a*a*a*a*a*a*a*a*b'])('a'.repeat(255))).toBe(null);
  });
});
