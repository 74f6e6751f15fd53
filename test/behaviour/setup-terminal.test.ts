/** nanoclaw setup as somebody at a keyboard meets it: on a pseudo-terminal, with wrong answers, Ctrl-C, and a second time. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { parseEnv } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { MAIN_CHAT_ID } from '../../src/simulator/simulator.ts';
import { type BotApi, startBotApi, TestHome } from '../support/daemon.ts';
import { KEYS, Terminal } from '../support/terminal.ts';

const BIN = path.resolve(import.meta.dirname, '../../bin/nanoclaw');
const WRONG = '7100000042:AAE-another-token-altogether';
const { enter, down, ctrlC } = KEYS;
const whyNot = spawnSync('python3', ['--version']).error ? 'python3 is not installed' : null;

let api: BotApi;
let home: TestHome;
beforeEach(async () => {
  api = await startBotApi();
  home = new TestHome();
});
afterEach(async () => {
  await home.dispose();
  await api.close();
});

function open(...args: string[]): Terminal {
  const env = home.environment({ HOME: home.dir });
  const terminal = new Terminal([process.execPath, BIN, 'setup', '--api-root', api.url, ...args], {
    cwd: home.dir,
    env,
  });
  onTestFinished(() => terminal.dispose());
  return terminal;
}
const dotenv = () => parseEnv(home.read('.env')) as Record<string, string>;

describe.skipIf(whyNot)(`on a terminal${whyNot ? ` (skipped: ${whyNot})` : ''}`, () => {
  it('a newcomer gets from a token to the first message, over a wrong one, and Nina stays until Ctrl-C', async () => {
    const terminal = open('--runtime', 'process');
    await terminal.sees('/newbot to @BotFather');
    await terminal.answers('The bot’s token', `not a token${enter}`);
    await terminal.answers('expected the token from BotFather', `${'\u007f'.repeat(11)}${WRONG}${enter}`);
    await terminal.sees('Telegram does not know this token');
    await terminal.answers('The bot’s token', `${api.sim.token}${enter}`);
    await terminal.sees('The bot is @nina_bot');
    await terminal.sees('What shall Nina think with?');
    await terminal.answers('no model for now', `${down}${down}${down}${enter}`);
    const line = await terminal.sees(/\/pair \w{4}-\w{4}/);
    api.sim.say({ chat: MAIN_CHAT_ID, from: 'you', text: '/pair AAAA-AAAA' });
    await terminal.sees('A wrong code was sent');
    api.sim.say({ chat: MAIN_CHAT_ID, from: 'you', text: line });
    await terminal.sees('is the main chat now');
    await terminal.sees('Nina has written into');
    await terminal.answers('Keep Nina running here', enter);
    await terminal.sees('Ctrl-C stops her');
    expect(await api.ask(MAIN_CHAT_ID, 'ping')).toBe('pong');
    terminal.type(ctrlC);
    expect(await terminal.ended).toEqual({ code: 0, signal: null });
    expect(terminal.shown).toContain('Nina has stopped.');
    expect(existsSync(home.file('data/daemon.json'))).toBe(false);
    // What was typed was not shown.
    expect(terminal.shown).not.toContain('AAE-');
    expect(dotenv()).toMatchObject({ TELEGRAM_BOT_TOKEN: api.sim.token, AGENT_PROVIDER: 'offline' });

    // A second time: all there, nothing changed, nobody written to.
    const settings = home.read('.env');
    const said = api.answers(MAIN_CHAT_ID).length;
    const again = open('--runtime', 'process');
    await again.answers('has been set up before', enter);
    await again.answers('Start Nina here', `n`);
    expect(await again.ended).toEqual({ code: 0, signal: null });
    expect(home.read('.env')).toBe(settings);
    expect(api.answers(MAIN_CHAT_ID)).toHaveLength(said);
  }, 120_000);

  it('a key is shown to the model; a wrong one is said and asked for again', async () => {
    const server = createServer((req, res) => {
      res.writeHead(req.headers['x-api-key'] === 'sk-right' ? 200 : 401).end('{}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    home.settings.TELEGRAM_BOT_TOKEN = api.sim.token;
    home.settings.DOCKER_HOST = 'unix:///nowhere/docker.sock';
    const terminal = open('--anthropic-base-url', url);
    await terminal.answers('no model for now', enter);
    await terminal.answers('The API key', `sk-wrong${enter}`);
    await terminal.sees('refuses this credential (401)');
    await terminal.answers('no model for now', enter);
    await terminal.answers('The API key', `sk-right${enter}`);
    await terminal.sees('The model takes the credential');
    await terminal.sees('Docker does not answer, and agents need it');
    expect(await terminal.ended).toEqual({ code: 1, signal: null });
    expect(dotenv()).toMatchObject({ TELEGRAM_BOT_TOKEN: api.sim.token, ANTHROPIC_API_KEY: 'sk-right' });
    expect(terminal.shown).not.toMatch(/sk-(right|wrong)/);
  });

  it('Ctrl-C in a question keeps what was verified, says how to go on, and ends with 130', async () => {
    const terminal = open('--runtime', 'process');
    await terminal.answers('The bot’s token', `${api.sim.token}${enter}`);
    await terminal.answers('no model for now', ctrlC);
    expect(await terminal.ended).toEqual({ code: 130, signal: null });
    expect(terminal.shown).toMatch(
      /Stopped; nothing is half done\. Kept: TELEGRAM_BOT_TOKEN, .* To go on: nanoclaw setup/,
    );
    expect(dotenv().TELEGRAM_BOT_TOKEN).toBe(api.sim.token);
    // It goes on from there.
    const again = open('--runtime', 'process');
    await again.answers('has been set up before', enter);
    await again.sees('The bot is @nina_bot');
    await again.answers('no model for now', ctrlC);
    expect((await again.ended).code).toBe(130);
  });

  it('Ctrl-C while it waits for the code stops the daemon it has started, and the code is void', async () => {
    const terminal = open('--runtime', 'process', '--offline');
    await terminal.answers('The bot’s token', `${api.sim.token}${enter}`);
    const line = await terminal.sees(/\/pair \w{4}-\w{4}/);
    await terminal.sees('Waiting for it');
    terminal.type(ctrlC);
    expect(await terminal.ended).toEqual({ code: 130, signal: null });
    expect(existsSync(home.file('data/daemon.json'))).toBe(false);
    expect(home.rows('SELECT * FROM pairing')).toEqual([]);

    await home.start();
    expect(await api.ask(MAIN_CHAT_ID, line)).toContain('not valid');
  });

  it('--yes asks nothing, also on a terminal', async () => {
    const terminal = open('--yes');
    await terminal.sees('--token (or TELEGRAM_BOT_TOKEN) is missing');
    expect(await terminal.ended).toEqual({ code: 2, signal: null });
  });
});
