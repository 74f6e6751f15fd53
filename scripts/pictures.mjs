// @ts-check
/**
 * npm run pictures: the pictures of the README, taken of the running program. Starts the daemon with its simulator and the
 * offline agent on a home of its own that is thrown away, plays a short conversation, and writes docs/pictures/.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, watch } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { launchChromium } from './chromium.mjs';

const ROOT = path.resolve(import.meta.dirname, '..');
const OUT = path.join(ROOT, 'docs/pictures');
const LIMIT_MS = 60_000;
const run = promisify(execFile);

const home = mkdtempSync(path.join(tmpdir(), 'nanoclaw-pictures-'));
mkdirSync(path.join(home, 'data'));
const env = {
  PATH: process.env.PATH ?? '',
  NANOCLAW_HOME: home,
  HTTP_PORT: '0',
  AGENT_PROVIDER: 'offline',
  CONTAINER_RUNTIME: 'process',
  TZ: 'Europe/Berlin',
};
const daemon = spawn(process.execPath, [path.join(ROOT, 'dist/index.js')], {
  cwd: home,
  env,
  stdio: 'ignore',
});
const ended = new Promise((resolve) => daemon.once('exit', resolve));
try {
  const url = await untilReady();
  await converse();
  mkdirSync(OUT, { recursive: true });
  await takePictures(url);
} finally {
  daemon.kill('SIGTERM');
  await ended;
  rmSync(home, { recursive: true, force: true });
}

/** The daemon's address, once its agents can run. */
async function untilReady() {
  const changes = watch(home, { recursive: true });
  try {
    return await new Promise((resolve, reject) => {
      const look = () => {
        if (!readText('nanoclaw.log').includes('"event":"ready"')) return;
        const info = JSON.parse(readText('data/daemon.json') || '{}');
        if (typeof info.url === 'string') resolve(info.url);
      };
      changes.on('change', look);
      void ended.then((code) =>
        reject(new Error(`the daemon ended with ${code}:\n${readText('nanoclaw.log')}`)),
      );
      setTimeout(() => reject(new Error('the daemon did not become ready')), LIMIT_MS).unref();
      look();
    });
  } finally {
    changes.close();
  }
}

/** @param {string} name */
function readText(name) {
  try {
    return readFileSync(path.join(home, name), 'utf8');
  } catch {
    return '';
  }
}

/**
 * Says something in the simulator and waits for the answer.
 * @param {string} who
 * @param {string} text
 * @param {string} [chat]
 */
async function ask(who, text, chat = 'Family') {
  const args = [path.join(ROOT, 'dist/cli.js'), 'chat', '--as', who, '--chat', chat, '--timeout', '60', text];
  await run(process.execPath, args, { cwd: home, env });
}

/** Says something that is not for Nina. @param {string} who @param {string} text */
async function say(who, text) {
  const info = JSON.parse(readText('data/daemon.json'));
  const answer = await fetch(`${info.url}/sim/api/say`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ chat: 'Family', from: who, text }),
  });
  if (!answer.ok) throw new Error(`the simulator refused "${text}": ${await answer.text()}`);
}

async function converse() {
  await ask('mara', '@Nina remind us every hour to drink something', 'Work');
  await ask('you', 'remind me every monday at 9 to read the numbers of last week', 'main');
  await say('anna', 'The plumber comes on Thursday between 8 and 10.');
  await say('ben', 'I can be there until 9.');
  await ask('anna', '@Nina remember that the spare key is with Mrs. Lindqvist, second floor');
  await ask('ben', '@Nina remind us every weekday at 7:30 to take the bins out');
  await ask('you', '@Nina what do you remember?');
}

/** @param {string} url */
async function takePictures(url) {
  const browser = await launchChromium();
  try {
    for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
      const context = await browser.newContext({
        viewport: { width: 960, height: 640 },
        colorScheme,
        locale: 'en-GB',
        timezoneId: 'Europe/Berlin',
      });
      const suffix = colorScheme === 'dark' ? '-dark' : '';
      const chat = await context.newPage();
      await chat.goto(`${url}/sim/`);
      await chat.getByRole('button', { name: /Family/ }).click();
      await chat.getByRole('article').last().waitFor();
      await chat.screenshot({ path: path.join(OUT, `chat${suffix}.png`) });

      // A turn takes a while, so that one is seen to run.
      await say('ben', '@Nina slow 20');
      const status = await context.newPage();
      await status.setViewportSize({ width: 1080, height: 940 });
      await status.goto(`${url}/status/`);
      await status.getByRole('radio', { name: '7 days' }).check();
      await status.getByText(/reply for [3-9] s/).waitFor();
      await status.screenshot({ path: path.join(OUT, `status${suffix}.png`) });
      await say('ben', '/stop');
      await status.getByText('Nothing runs.').waitFor();
      await context.close();
    }
  } finally {
    await browser.close();
  }
}
