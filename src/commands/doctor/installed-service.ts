/** The service that runs a home, found by its file: whatever its name is, and whichever manager it was given to. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type ManagerKind, serviceFile } from '../../service/manager.ts';

export interface InstalledService {
  kind: ManagerKind;
  name: string;
  file: string;
  text: string;
  /** Who it runs as, where its file says so. */
  user: string | undefined;
}

const KINDS: readonly ManagerKind[] =
  process.platform === 'darwin' ? ['launchd'] : ['systemd-system', 'systemd-user'];

export function findService(home: string): InstalledService | null {
  for (const kind of KINDS) {
    const folder = path.dirname(serviceFile(kind, 'nanoclaw'));
    const pattern = kind === 'launchd' ? /^org\.nanoclaw\.(.+)\.plist$/ : /^(.+)\.service$/;
    for (const entry of existsSync(folder) ? readdirSync(folder).sort() : []) {
      const name = pattern.exec(entry)?.[1];
      const file = path.join(folder, entry);
      const text = name === undefined ? null : readText(file);
      if (name === undefined || text === null || !isFor(home, text)) continue;
      return { kind, name, file, text, user: /^User=(.+)$/m.exec(text)?.[1] };
    }
  }
  return null;
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null; // a link that leads nowhere, or another user's
  }
}

function isFor(home: string, text: string): boolean {
  const inUnit = `NANOCLAW_HOME=${home.replaceAll('%', '%%')}`;
  const inList = `<key>NANOCLAW_HOME</key><string>${home}</string>`;
  const at = text.indexOf(inUnit);
  return text.includes(inList) || (at >= 0 && /^["\s]/.test(text.slice(at + inUnit.length)));
}

/** The Node that it starts. */
export function nodeOf({ kind, text }: InstalledService): string | undefined {
  const found =
    kind === 'launchd'
      ? /<array><string>([^<]*)<\/string>/.exec(text)?.[1]
      : /^ExecStart=("[^"]*"|\S+)/m.exec(text)?.[1];
  return found?.replace(/^"(.*)"$/, '$1');
}

/** Without what the shell of whoever installed it decided: the search path, and the Node in use. */
export const comparable = (text: string): string =>
  text
    .replace(/ "?PATH=[^"\n]*"?$/m, ' PATH')
    .replace(/^ExecStart=("[^"]*"|\S+)/m, 'ExecStart=NODE')
    .replace(/<key>PATH<\/key><string>[^<]*<\/string>/, 'PATH')
    .replace(/<array><string>[^<]*<\/string>/, '<array>NODE');
