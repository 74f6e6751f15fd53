/** What the service managers are given: a systemd unit, a launchd property list. Pure text from plain facts. */
import path from 'node:path';

export interface ServiceFacts {
  /** Name of the service, e.g. nanoclaw. */
  name: string;
  /** Absolute paths: the Node to run with, the project, the home. */
  node: string;
  root: string;
  home: string;
  /** PATH for the daemon, so that it finds what the operator's shell finds. */
  path: string;
}

export interface SystemdFacts extends ServiceFacts {
  /** null: a unit of the user's own manager. */
  system: { user: string; group: string; dockerGroup: boolean } | null;
}

/** How long a stop may take: the daemon needs at most ten seconds. */
const STOP_SECONDS = 20;
/** Without a word from the daemon for so long, systemd restarts it. */
export const WATCHDOG_SECONDS = 120;

/**
 * After systemd.unit(5), systemd.service(5) and systemd.exec(5). A wrong setting (exit code 2) is not retried; ten
 * failures within ten minutes end the trying, and `systemctl status` shows it.
 */
export function systemdUnit(facts: SystemdFacts): string {
  const { system, home, root } = facts;
  const writable = [...new Set([home, root])];
  const lines = [
    '[Unit]',
    'Description=NanoClaw, an assistant in Telegram groups',
    ...(system ? ['After=network-online.target docker.service', 'Wants=network-online.target'] : []),
    'StartLimitIntervalSec=600',
    'StartLimitBurst=10',
    '',
    '[Service]',
    'Type=notify',
    'NotifyAccess=all',
    `WatchdogSec=${WATCHDOG_SECONDS}`,
    // The first start may install, build and wait for nothing that is quick.
    'TimeoutStartSec=900',
    `TimeoutStopSec=${STOP_SECONDS}`,
    `ExecStart=${quoteCommand(facts.node)} ${quoteCommand(path.join(root, 'bin', 'nanoclaw'))} start`,
    `WorkingDirectory=${escapePercent(home)}`,
    `Environment=${quote(`NANOCLAW_HOME=${home}`)} ${quote(`PATH=${facts.path}`)}`,
    // An update may have to install: its cache belongs to the project, the user's home cannot be written.
    `Environment=${quote(`npm_config_cache=${path.join(root, '.node', 'npm-cache')}`)}`,
    'Restart=on-failure',
    'RestartSec=10',
    'RestartPreventExitStatus=2',
    'KillMode=mixed',
    ...(system ? [`User=${system.user}`, `Group=${system.group}`] : []),
    ...(system?.dockerGroup ? ['SupplementaryGroups=docker'] : []),
    'UMask=0022',
    'NoNewPrivileges=yes',
    'LockPersonality=yes',
    'RestrictRealtime=yes',
    'RestrictSUIDSGID=yes',
    'RestrictNamespaces=yes',
    'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK',
    'SystemCallArchitectures=native',
    ...(system ? SYSTEM_HARDENING : []),
    // Root gives the agents' folders to the agents' user; nobody else needs any capability.
    ...(system && system.user !== 'root' ? ['CapabilityBoundingSet='] : []),
    ...(system ? [`ReadWritePaths=${writable.map(quote).join(' ')}`] : []),
    '',
    '[Install]',
    `WantedBy=${system ? 'multi-user.target' : 'default.target'}`,
    '',
  ];
  return lines.join('\n');
}

/** These need a system manager. Folders that containers are given must be the real ones, so /tmp is not made private. */
const SYSTEM_HARDENING = [
  'ProtectSystem=strict',
  'ProtectHome=read-only',
  'ProtectClock=yes',
  'ProtectControlGroups=yes',
  'ProtectHostname=yes',
  'ProtectKernelLogs=yes',
  'ProtectKernelModules=yes',
  'ProtectKernelTunables=yes',
  'ProtectProc=invisible',
  'PrivateDevices=yes',
  'DevicePolicy=closed',
  'RemoveIPC=yes',
  'SystemCallFilter=@system-service',
  'SystemCallErrorNumber=EPERM',
];

/** After launchd.plist(5): started at login, restarted after a failure at most every ten seconds. */
export function launchdPlist(facts: ServiceFacts): string {
  const { name, node, root, home } = facts;
  const string = (value: string) => `<string>${escapeXml(value)}</string>`;
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>${string(launchdLabel(name))}
  <key>ProgramArguments</key>
  <array>${[node, path.join(root, 'bin', 'nanoclaw'), 'start'].map(string).join('')}</array>
  <key>WorkingDirectory</key>${string(home)}
  <key>EnvironmentVariables</key>
  <dict>
    <key>NANOCLAW_HOME</key>${string(home)}
    <key>PATH</key>${string(facts.path)}
  </dict>
  <key>RunAtLoad</key><true/>
  <key>KeepAlive</key>
  <dict><key>SuccessfulExit</key><false/></dict>
  <key>ThrottleInterval</key><integer>10</integer>
  <key>ExitTimeOut</key><integer>${STOP_SECONDS}</integer>
  <key>ProcessType</key><string>Background</string>
  <key>StandardOutPath</key><string>/dev/null</string>
  <key>StandardErrorPath</key><string>/dev/null</string>
</dict>
</plist>
`;
}

export const launchdLabel = (name: string): string => `org.nanoclaw.${name}`;

/** For one word of a unit file: quoted where needed, specifiers taken out of their meaning. After systemd.syntax(7). */
function quote(word: string): string {
  const escaped = escapePercent(word).replace(/["\\]/g, '\\$&');
  return /^[\w@%+=:,./-]+$/.test(escaped) ? escaped : `"${escaped}"`;
}

/** In a command line a dollar sign begins a variable, too. */
const quoteCommand = (word: string): string => quote(word).replaceAll('$', '$$$$');

const escapePercent = (text: string): string => text.replaceAll('%', '%%');

const escapeXml = (text: string): string => text.replace(/[<>&"']/g, (c) => `&#${c.charCodeAt(0)};`);
