/** The first minutes of someone new: no token, no Docker engine; a page, and answers in a chat and in a terminal. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type Daemon, TestHome } from '../support/daemon.ts';

describe('a start without a token and without an engine', () => {
  let home: TestHome;
  let daemon: Daemon;
  let url: string;

  beforeAll(async () => {
    home = new TestHome({ DOCKER_HOST: 'unix:///nonexistent/docker.sock' });
    daemon = await home.start();
    url = await daemon.url();
  });
  afterAll(() => home.dispose());

  it('says on the terminal where the page is and what to write', async () => {
    const line = `Open ${url} and write "@Nina hello" into the group Family.`;
    await vi.waitUntil(() => daemon.output.includes(line), { timeout: 10_000 });
    expect(daemon.output).toContain(line);
  });

  it('says that agents run without isolation', () => {
    expect(daemon.log().find((line) => line.event === 'no_engine')).toMatchObject({ level: 'warn' });
  });

  it('serves the page', async () => {
    const page = await fetch(url);
    expect(page.status).toBe(200);
    expect(page.headers.get('content-type')).toContain('text/html');
    expect(await page.text()).toContain('<script');
  });

  it('has three groups registered, one of them main', () => {
    const groups = home.rows<{ name: string; is_main: number }>(
      'SELECT name, is_main FROM registered_groups ORDER BY name',
    );
    expect(groups).toEqual([
      { name: 'Family', is_main: 0 },
      { name: 'Main', is_main: 1 },
      { name: 'Work', is_main: 0 },
    ]);
  });

  it('answers `nanoclaw chat` on stdout', async () => {
    const { code, stdout, stderr } = await home.nanoclaw('chat', '@Nina hello');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('Hello, I am Nina, running as the offline agent');
  });

  it('answers `nanoclaw chat --json` for scripts', async () => {
    const { code, stdout } = await home.nanoclaw('chat', '--json', '--chat', 'main', 'ping');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ answer: 'pong', messages: [{ text: 'pong' }] });
  });

  it('gives the reason and 1 when no answer comes in time', async () => {
    const { code, stdout, stderr } = await home.nanoclaw('chat', '--timeout', '1', 'nobody is asked here');
    expect({ code, stdout, stderr }).toEqual({ code: 1, stdout: '', stderr: 'no answer came within 1 s\n' });
  });

  it('gives the reason and 1 for a chat that there is not, and 2 for wrong usage', async () => {
    const unknown = await home.nanoclaw('chat', '--chat', 'Neighbours', '@Nina hello');
    expect(unknown).toMatchObject({ code: 1, stderr: 'there is no chat "Neighbours"\n' });
    const usage = await home.nanoclaw('chat', '--timeout', 'soon', '@Nina hello');
    expect(usage).toMatchObject({ code: 2, stderr: expect.stringContaining('--timeout') });
  });

  it('remembers chats and groups over a restart', async () => {
    expect(await daemon.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    daemon = await home.start();
    const said = await home.nanoclaw('chat', '--chat', 'main', 'what did I say before');
    expect(said.stdout).toContain('• ping');
    expect(home.rows('SELECT folder FROM registered_groups')).toHaveLength(3);
  });
});

describe('without a daemon', () => {
  it('`nanoclaw chat` says what to do, exit code 1', async () => {
    const home = new TestHome();
    onTestFinished(() => home.dispose());
    const { code, stderr } = await home.nanoclaw('chat', '@Nina hello');
    expect(code).toBe(1);
    expect(stderr).toBe('No daemon is running here.\n→ Start it first: npm start\n');
  });
});
