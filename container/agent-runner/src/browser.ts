/**
 * The browser, where the image was built with one (`BROWSER=yes`): Playwright's MCP server over the image's Chromium, as
 * tools of the name mcp__browser__browser_…. It reaches what the agent reaches, through the same proxy; its profile is
 * gone with its process; what it saves lies in the group's folder.
 */
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PROGRAM = '/app/browser/node_modules/@playwright/mcp/cli.js';
const CHROMIUM = '/usr/bin/chromium-headless-shell';
/** Where screenshots and downloads go, in the group's folder. */
const OUTPUT = 'browser';
const OUTPUT_MAX_BYTES = 100 * 1024 * 1024;

export interface StdioServer {
  type: 'stdio';
  command: string;
  args: string[];
}

/** Null where the image has no browser. `variables` name the proxy. */
export function browserServer(variables: NodeJS.ProcessEnv, groupDir: string): StdioServer | null {
  if (!existsSync(PROGRAM) || !existsSync(CHROMIUM)) return null;
  // A file, since arguments can be read by every process here, and Chromium takes no password in the proxy's address.
  const file = join(mkdtempSync(join(tmpdir(), 'browser-')), 'config.json');
  writeFileSync(file, JSON.stringify(browserConfig(variables, groupDir)), { mode: 0o600 });
  return { type: 'stdio', command: process.execPath, args: [PROGRAM, '--config', file] };
}

/** As @playwright/mcp reads it. Pure. */
export function browserConfig(variables: NodeJS.ProcessEnv, groupDir: string): object {
  const proxy = proxyOf(variables.HTTPS_PROXY ?? variables.HTTP_PROXY);
  return {
    browser: {
      browserName: 'chromium',
      isolated: true,
      launchOptions: {
        executablePath: CHROMIUM,
        headless: true,
        // Its own sandbox needs namespaces, which no container gets here: the container is the wall.
        chromiumSandbox: false,
        ...(proxy ? { proxy } : {}),
      },
    },
    outputDir: join(groupDir, OUTPUT),
    outputMaxSize: OUTPUT_MAX_BYTES,
  };
}

function proxyOf(address: string | undefined): { server: string; username: string; password: string } | null {
  if (address === undefined || !URL.canParse(address)) return null;
  const { protocol, host, username, password } = new URL(address);
  return {
    server: `${protocol}//${host}`,
    username: decodeURIComponent(username),
    password: decodeURIComponent(password),
  };
}
