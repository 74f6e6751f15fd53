/** The status page in a real browser, before a real daemon: live, readable, for keyboards and screen readers, and shut to strangers. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { chromiumPath, launchChromium } from '../../scripts/chromium.mjs';
import { accessibilityProblems, isTooWide, openPage, picture } from '../support/browser.ts';
import { startBotApi, TestHome } from '../support/daemon.ts';

const why = chromiumPath ? '' : ' (skipped: no Chromium; set CHROMIUM_PATH)';
const EVIL = '<img src=x onerror=alert(1)>';
const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true };
const DESK = { viewport: { width: 1280, height: 900 } };
const TOKEN = 'a-token-only-for-this-test-0123456789';

describe.skipIf(!chromiumPath)(`the status page${why}`, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
  });

  /** A daemon on somebody's Bot API, with a group that has a name as bad as can be. */
  async function start(settings: Record<string, string> = {}) {
    const api = await startBotApi();
    const home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process', ...settings });
    onTestFinished(async () => {
      await home.dispose();
      await api.close();
    });
    const family = api.group('Family');
    const odd = api.group(EVIL);
    home.registerAll([
      { chatJid: String(family), name: 'Family', folder: 'family' },
      { chatJid: String(odd), name: `${EVIL} ${'wide'.repeat(20)}`, folder: 'odd' },
    ]);
    const daemon = await home.start();
    return { api, home, family, odd, daemon, url: await daemon.url() };
  }

  const open = async (url: string, options: Parameters<typeof openPage>[2]) => {
    const opened = await openPage(browser, url, options);
    onTestFinished(() => opened.context.close());
    return opened;
  };

  it('shows a turn while it runs, what became of it, and of every message, without being asked', async () => {
    const { api, family, odd, url } = await start();
    const { page, errors } = await open(`${url}/`, DESK);
    expect(new URL(page.url()).pathname).toBe('/status/');
    await page.getByRole('status').getByText('All is well').waitFor();
    await page.getByText('Nothing runs.').waitFor();

    api.sim.say({ chat: family, from: 'you', text: '@Nina slow 30' });
    const running = page.getByRole('region', { name: 'Running now' });
    await running.getByRole('listitem').filter({ hasText: 'family messages' }).waitFor();
    await running.getByText('reply for').waitFor();
    await running.getByRole('img', { name: 'Phases so far, now reply' }).waitFor();
    const messages = page.getByRole('region', { name: 'Last messages' });
    await messages.getByRole('row').filter({ hasText: 'slow 30' }).getByText('at work on it').waitFor();
    const groups = page.getByRole('region', { name: 'Groups' });
    await groups
      .getByRole('row', { name: /Family/ })
      .getByText('at work')
      .waitFor();

    api.sim.say({ chat: family, from: 'you', text: '/stop' });
    await page.getByText('Nothing runs.').waitFor();
    const ended = page.getByRole('region', { name: 'Last turns' });
    await ended
      .getByRole('row')
      .filter({ hasText: 'stopped' })
      .getByRole('img', { name: /reply \d/ })
      .waitFor();
    await messages.getByRole('row').filter({ hasText: 'slow 30' }).getByText('stopped').waitFor();

    api.sim.say({ chat: odd, from: 'anna', text: `${EVIL} and ${'x'.repeat(400)}` });
    api.sim.say({ chat: odd, from: 'anna', text: '@Nina remind us every hour to look up' });
    await messages.getByText(`${EVIL} and x`).waitFor();
    const tasks = page.getByRole('region', { name: 'Tasks' });
    await tasks.getByRole('listitem').filter({ hasText: 'look up' }).waitFor();
    await tasks.getByRole('img', { name: /^Runs 2[34] times: / }).waitFor();
    await groups.getByText(EVIL).waitFor();
    expect(await page.locator('main img').count()).toBe(0);
    expect(errors).toEqual([]);
  });

  it('is for keyboards: the skip link, the choice of the time line, the figures', async () => {
    const { api, odd, url } = await start();
    await api.ask(odd, '@Nina remind us every monday at 9 to look up');
    const { page, errors } = await open(`${url}/status/`, DESK);
    await page.getByRole('status').getByText('All is well').waitFor();
    await page.keyboard.press('Tab');
    expect(await focused(page)).toBe('Skip to what runs now');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('main');
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.value')).toBe('24');
    await page.keyboard.press('ArrowRight');
    expect(await page.getByRole('radio', { name: '7 days' }).isChecked()).toBe(true);
    await page.getByRole('img', { name: /^Runs once: Mon/ }).waitFor();
    await page.keyboard.press('Tab');
    expect(await focused(page)).toBe('The figures');
    await page.keyboard.press('Enter');
    await page.getByRole('columnheader', { name: 'Tokens in' }).waitFor();
    expect(errors).toEqual([]);
  });

  const looks = [
    { name: 'a phone', ...PHONE, colorScheme: 'light' },
    { name: 'a phone in the dark', ...PHONE, colorScheme: 'dark' },
    { name: 'a desk', ...DESK, colorScheme: 'light' },
    { name: 'a desk in the dark', ...DESK, colorScheme: 'dark' },
  ] as const;
  // axe-core reads the whole page each time.
  it('has names and contrast for everything and fits, on a phone and a desk, light and dark', {
    timeout: 240_000,
  }, async () => {
    const { api, family, odd, url } = await start();
    await api.ask(odd, `@Nina remind us every hour to look at ${EVIL}${'y'.repeat(200)}`);
    await api.ask(family, '@Nina remember that the key is with Mrs. Lindqvist');
    api.sim.say({ chat: family, from: 'anna', text: 'z'.repeat(500) });
    api.sim.say({ chat: odd, from: 'anna', text: '@Nina slow 900' });
    for (const { name, ...look } of looks) {
      const { page, errors } = await open(`${url}/status/`, look);
      await page.getByText('reply for').waitFor();
      await page.getByRole('radio', { name: '7 days' }).check();
      await page.getByText('The figures').click();
      await picture(page, name);
      expect([name, await isTooWide(page)]).toEqual([name, false]);
      expect([name, await accessibilityProblems(page)]).toEqual([name, []]);
      expect([name, errors]).toEqual([name, []]);
    }
  });

  it('says that the daemon is away, and is live again by itself when it is back', async () => {
    const { home, url, daemon } = await start();
    const { page } = await open(`${url}/status/`, PHONE);
    await page.getByRole('status').getByText('All is well').waitFor();
    await daemon.kill('SIGKILL');
    await page.getByRole('status').getByText('does not answer').waitFor();
    await home.start({ HTTP_PORT: new URL(url).port });
    await page.getByRole('status').getByText('All is well').waitFor();
  });

  it('asks strangers for the token, and whoever had a cookie for it when the token is another', async () => {
    const { home, url, daemon } = await start({ STATUS_TOKEN: TOKEN });
    const { page, errors, context } = await open(`${url}/`, PHONE);
    expect(new URL(page.url()).pathname).toBe('/login');
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(await isTooWide(page)).toBe(false);
    await picture(page, 'login');
    expect(errors).toEqual([]);
    const field = page.getByLabel('Status token');
    await field.fill('not-the-token-at-all');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('That is not the token').waitFor();
    await page.getByLabel('Status token').fill(TOKEN);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('status').getByText('All is well').waitFor();
    expect(new URL(page.url()).pathname).toBe('/status/');
    expect(await page.evaluate('document.cookie')).toBe('');
    const [cookie] = await context.cookies();
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict' });

    await daemon.kill('SIGTERM');
    await home.start({ HTTP_PORT: new URL(url).port, STATUS_TOKEN: `another-${TOKEN}` });
    await page.waitForURL('**/login', { timeout: 30_000 });
  });

  it('lets whoever has the token into the simulator, and from there to the status and back', async () => {
    const home = new TestHome({ CONTAINER_RUNTIME: 'process', STATUS_TOKEN: TOKEN });
    onTestFinished(() => home.dispose());
    const url = await (await home.start()).url();
    const { page, errors } = await open(`${url}/sim/`, PHONE);
    await page.getByLabel('Status token').fill(TOKEN);
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: /Family/ }).click();
    await page.getByRole('textbox', { name: 'Message' }).fill('@Nina ping');
    await page.getByRole('button', { name: 'Send' }).click();
    await page
      .getByRole('article', { name: /^Nina at/ })
      .getByText('pong')
      .waitFor();
    await page.getByRole('button', { name: 'Back to the chats' }).click();
    await page.getByRole('link', { name: 'Status' }).click();
    await page.getByRole('region', { name: 'Last messages' }).getByText('pong').waitFor();
    await page.getByRole('link', { name: 'Chats' }).click();
    await page.getByRole('button', { name: /Family/ }).waitFor();
    expect(errors).toEqual([]);
  });

  const focused = (page: Page) => page.evaluate('document.activeElement.textContent');
});
