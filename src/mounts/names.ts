/**
 * Which names are never shown to an agent, by path component. Pure. Patterns know `*` and `?`, and compare without
 * regard to case or to how an accent is encoded, because a file system may do so, too.
 */

/** Keys, credentials, wallets, histories and profiles, by the names that programs give them. */
export const DEFAULT_BLOCKED: readonly string[] = [
  // Keys and certificates.
  ...['.ssh', '.gnupg', '.gpg', '.pki', '.age', 'id_rsa*', 'id_dsa*', 'id_ecdsa*', 'id_ed25519*', '*.pem'],
  ...[
    '*.key',
    '*.ppk',
    '*.p12',
    '*.pfx',
    '*.jks',
    '*.keystore',
    '*.kdbx',
    '*.ovpn',
    '*.asc',
    '*.gpg',
    '*.age',
  ],
  // Clouds and tools.
  ...[
    '.aws',
    '.azure',
    '.gcloud',
    'gcloud',
    '.kube',
    '.docker',
    '.oci',
    '.terraform.d',
    '*.tfstate',
    '.vault-token',
  ],
  ...[
    '.netrc',
    '_netrc',
    '.npmrc',
    '.pypirc',
    '.pgpass',
    '.my.cnf',
    '.s3cfg',
    '.boto',
    '.rclone.conf',
    'rclone',
  ],
  ...['.git-credentials', '.htpasswd', '.claude', '.claude.json', '.codex', '.anthropic'],
  // Secrets by name.
  ...[
    '.env',
    '.env.*',
    '*.env',
    '.envrc',
    'credentials',
    'credentials.*',
    '*credentials.json',
    '.credentials*',
  ],
  ...[
    'secret',
    'secrets',
    'secret.*',
    'secrets.*',
    '.secrets',
    'token',
    'tokens',
    '*.token',
    'shadow',
    'gshadow',
  ],
  // What people keep passwords, money and their browsing in.
  ...[
    '.password-store',
    'keyrings',
    'keychains',
    '.1password',
    '1password',
    'bitwarden*',
    'kwalletd',
    '*wallet*',
  ],
  ...[
    '.bitcoin',
    '.ethereum',
    '.electrum',
    '.monero',
    '.solana',
    '.mozilla',
    'firefox',
    '.thunderbird',
    'thunderbird',
  ],
  ...[
    'google-chrome*',
    'chromium',
    'chrome',
    'bravesoftware',
    'microsoft-edge*',
    'vivaldi',
    'cookies',
    'login data',
  ],
  ...['*_history', '.bash_history', '.zsh_history'],
  // Ways to the machine.
  ...['docker.sock', 'podman.sock', 'containerd.sock', 'mount-allowlist.json'],
];

/** Examples of settings hold no settings. */
const HARMLESS = ['.env.example', '.env.sample', '.env.template'];

const folded = (name: string): string => name.normalize('NFC').toLowerCase().normalize('NFC');

/** Tells of a name by which of the patterns it is blocked, or null. `allowed` are patterns that make exceptions. */
export function createNameFilter(
  patterns: readonly string[],
  allowed: readonly string[] = [],
): (name: string) => string | null {
  const blocked = patterns.map((pattern) => ({ pattern, matches: matcher(pattern) }));
  const exceptions = [...HARMLESS, ...allowed].map(matcher);
  return (name) => {
    const key = folded(name);
    const by = blocked.find(({ matches }) => matches(key));
    return by === undefined || exceptions.some((matches) => matches(key)) ? null : by.pattern;
  };
}

/** Linear in the name's length for each `*`: no pattern can be made to hang. */
function matcher(pattern: string): (key: string) => boolean {
  const parts = [...folded(pattern)];
  return (key) => {
    const name = [...key];
    let at = 0;
    let part = 0;
    let star = -1;
    let resume = 0;
    while (at < name.length) {
      if (part < parts.length && parts[part] === '*') {
        star = part;
        part += 1;
        resume = at;
      } else if (part < parts.length && (parts[part] === '?' || parts[part] === name[at])) {
        part += 1;
        at += 1;
      } else if (star !== -1) {
        part = star + 1;
        resume += 1;
        at = resume;
      } else {
        return false;
      }
    }
    while (parts[part] === '*') part += 1;
    return part === parts.length;
  };
}
