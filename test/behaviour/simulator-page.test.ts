/** The page in a real browser, on a phone and on a desk: one writes in Family, the bot answers, it is seen. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumPath, launchChromium } from '../../scripts/chromium.mjs';
import { systemClock } from '../../src/lib/clock.ts';
import { createSimulator, FAMILY_CHAT_ID, serveSimulator } from '../../src/simulator/simulator.ts';
import { accessibilityProblems, isTooWide, openPage, picture } from '../support/browser.ts';
import { startSimulator, TOKEN } from './simulator-support.ts';

const why = chromiumPath ? '' : ' (skipped: no Chromium; set CHROMIUM_PATH)';

describe.skipIf(!chromiumPath)(`the page${why}`, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
  });

  async function open(width: number, height: number) {
    const started = await startSimulator();
    const context = await browser.newContext({ viewport: { width, height }, hasTouch: width < 500 });
    const page = await context.newPage();
    const errors: string[] = [];
    page.on('console', (m) => {
      if (m.type() === 'error' || m.type() === 'warning') errors.push(m.text());
    });
    page.on('pageerror', (error) => errors.push(String(error)));
    await page.goto(started.url);
    return { ...started, page, errors, context };
  }

  it.each([
    [390, 844],
    [1280, 800],
  ])('at %i pixels one writes to Nina and sees her answer', async (width, height) => {
    const { sim, api, page, errors, context } = await open(width, height);
    await page.getByRole('button', { name: /Family/ }).click();
    await page.getByRole('button', { name: 'Try “@Nina hello”' }).waitFor();
    const heard = sim.next('message');
    await page.getByRole('textbox', { name: 'Message' }).fill('@Nina hello');
    await page.keyboard.press('Enter');
    const message = await heard;
    expect(message).toMatchObject({ text: '@Nina hello', from: { first_name: 'You' } });

    await api('sendChatAction', { chat_id: FAMILY_CHAT_ID, action: 'typing' });
    await page.getByText('Nina is typing…').waitFor();
    const reply_markup = { inline_keyboard: [[{ text: 'Again', callback_data: 'again' }]] };
    const evil = '<img src=x onerror=alert(1)>';
    await api('sendMessage', {
      chat_id: FAMILY_CHAT_ID,
      text: `Hello there ${evil}`,
      entities: [{ type: 'bold', offset: 0, length: 5 }],
      reply_parameters: { message_id: message.message_id },
      reply_markup,
    });
    const bubble = page.getByRole('article', { name: /^Nina at/ });
    await bubble.getByText(`Hello there ${evil}`).waitFor();
    expect(await bubble.locator('strong', { hasText: 'Hello' }).count()).toBe(1);
    expect(await bubble.locator('img').count()).toBe(0);
    expect(await bubble.getByRole('button', { name: /You.*@Nina hello/ }).count()).toBe(1);
    expect(await page.getByText('Nina is typing…').count()).toBe(0);

    const pressed = sim.next('update-queued', (u) => 'callback_query' in u);
    await page.getByRole('button', { name: 'Again' }).click();
    await pressed;

    await page.getByRole('combobox', { name: 'Speak as' }).selectOption('anna');
    const next = sim.next('message');
    await page.getByRole('textbox', { name: 'Message' }).fill('line one\nline two');
    await page.getByRole('button', { name: 'Send' }).click();
    expect(await next).toMatchObject({ text: 'line one\nline two', from: { first_name: 'Anna' } });
    const overflow = 'document.documentElement.scrollWidth > document.documentElement.clientWidth';
    expect(await page.evaluate(overflow)).toBe(false);
    expect(errors).toEqual([]);
    await context.close();
  });

  it('is for keyboards: a chat is chosen, written to and left without a pointer', async () => {
    const { sim, page, errors, context } = await open(390, 844);
    const family = page.getByRole('button', { name: /Family/ });
    await family.waitFor();
    for (let n = 0; n < 10 && !(await isFocused(page, 'Family')); n += 1) await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('textbox', { name: 'Message' }).waitFor();
    const heard = sim.next('message');
    await page.getByRole('textbox', { name: 'Message' }).focus();
    await page.keyboard.type('from the keyboard');
    await page.keyboard.press('Enter');
    expect(await heard).toMatchObject({ text: 'from the keyboard' });
    await page.getByRole('button', { name: 'Back to the chats' }).focus();
    await page.keyboard.press('Enter');
    await family.waitFor();
    expect(errors).toEqual([]);
    await context.close();
  });

  // axe-core reads the whole page each time.
  it('has names and contrast for everything and fits, on a phone and a desk, light and dark', {
    timeout: 240_000,
  }, async () => {
    const { sim, api, url } = await startSimulator();
    sim.say({ chat: 'Family', from: 'ben', text: `a word ${'y'.repeat(300)} and https://example.org/` });
    await api('sendMessage', {
      chat_id: FAMILY_CHAT_ID,
      text: 'bold and code, for those who look',
      entities: [
        { type: 'bold', offset: 0, length: 4 },
        { type: 'code', offset: 9, length: 4 },
      ],
      reply_markup: { inline_keyboard: [[{ text: 'Again', callback_data: 'again' }]] },
    });
    for (const width of [360, 1280])
      for (const colorScheme of ['light', 'dark'] as const) {
        const look = `${width} ${colorScheme}`;
        const { page, errors, context } = await openPage(browser, `${url}/sim/`, {
          viewport: { width, height: 740 },
          colorScheme,
        });
        const family = page.getByRole('button', { name: /Family/ });
        await family.waitFor();
        await picture(page, `chats ${look}`);
        expect([look, await accessibilityProblems(page)]).toEqual([look, []]);
        expect([look, await isTooWide(page)]).toEqual([look, false]);
        await family.click();
        await page.getByRole('button', { name: 'Again' }).waitFor();
        await picture(page, `family ${look}`);
        expect([look, await accessibilityProblems(page)]).toEqual([look, []]);
        expect([look, await isTooWide(page)]).toEqual([look, false]);
        expect([look, errors]).toEqual([look, []]);
        await context.close();
      }
  });

  it('replies, edits, uploads, and counts what is unread', async () => {
    const { sim, page, errors, context } = await open(1280, 800);
    await page.getByRole('button', { name: /Family/ }).click();
    sim.say({ chat: 'Family', from: 'ben', text: 'a question' });
    const bens = page.getByRole('article', { name: /^Ben at/ });
    await bens.hover();
    await bens.getByRole('button', { name: 'Reply', exact: true }).click();
    const reply = sim.next('message');
    await page.keyboard.type('an answr');
    await page.keyboard.press('Enter');
    expect(await reply).toMatchObject({ text: 'an answr', reply_to_message: { text: 'a question' } });

    const mine = page.getByRole('article', { name: /^You at/ }).filter({ hasText: 'an answr' });
    await mine.hover();
    await mine.getByRole('button', { name: 'Edit' }).click();
    const edited = sim.next('edited');
    await page.getByRole('textbox', { name: 'Message' }).fill('an answer');
    await page.keyboard.press('Enter');
    expect(await edited).toMatchObject({ text: 'an answer' });
    await page.getByText('edited').waitFor();

    await page
      .getByLabel('Attach files')
      .setInputFiles({ name: 'note.txt', mimeType: 'text/plain', buffer: Buffer.from('hi') });
    const sent = sim.next('message');
    await page.getByRole('button', { name: 'Send' }).click();
    expect(await sent).toMatchObject({ document: { file_name: 'note.txt' } });
    const download = page.waitForEvent('download');
    await page.getByRole('link', { name: /note\.txt/ }).click();
    expect((await download).suggestedFilename()).toBe('note.txt');

    sim.say({ chat: 'Work', from: 'mara', text: 'over here', threadId: 2 });
    await page.getByTitle('1 unread').waitFor();
    await page.getByRole('button', { name: /Work/ }).click();
    await page.getByRole('button', { name: 'Releases' }).click();
    const inTopic = sim.next('message');
    await page.getByRole('textbox', { name: 'Message' }).fill('to the topic');
    await page.keyboard.press('Enter');
    expect(await inTopic).toMatchObject({ message_thread_id: 2, is_topic_message: true });
    expect(await page.getByTitle('1 unread').count()).toBe(0);
    expect(errors).toEqual([]);
    await context.close();
  });

  it('offers the bot’s commands to whom one speaks as, and its buttons to the keyboard', async () => {
    const { sim, api, page, errors, context } = await open(390, 844);
    await page.getByRole('button', { name: /Family/ }).click();
    await page.getByRole('textbox', { name: 'Message' }).waitFor();
    const commandsButton = page.locator('summary[aria-label="Commands"]');
    expect(await commandsButton.isVisible()).toBe(false);
    const scope = { type: 'chat', chat_id: FAMILY_CHAT_ID };
    await api('setMyCommands', { scope, commands: [{ command: 'ping', description: 'a sign of life' }] });
    await commandsButton.focus();
    await page.keyboard.press('Enter');
    const ping = page.getByRole('button', { name: '/ping a sign of life' });
    await ping.waitFor();
    await page.keyboard.press('Escape');
    await ping.waitFor({ state: 'hidden' });
    await commandsButton.click();
    const said = sim.next('message');
    await ping.click();
    expect(await said).toMatchObject({
      text: '/ping',
      entities: [{ type: 'bot_command', offset: 0, length: 5 }],
    });

    const reply_markup = {
      inline_keyboard: [[{ text: 'Yes', callback_data: 'y' }], [{ text: 'No', callback_data: 'n' }]],
    };
    const { body } = await api('sendMessage', { chat_id: FAMILY_CHAT_ID, text: 'Really?', reply_markup });
    const pressed = sim.next('update-queued', (u) => 'callback_query' in u);
    await page.getByRole('button', { name: 'Yes' }).focus();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    const { callback_query } = (await pressed) as unknown as { callback_query: { id: string; data: string } };
    expect(callback_query.data).toBe('n');
    await api('answerCallbackQuery', {
      callback_query_id: callback_query.id,
      text: 'You may not.',
      show_alert: true,
    });
    const alert = page.getByRole('dialog', { name: 'You may not.' });
    await alert.waitFor();
    await page.keyboard.press('Enter');
    await alert.waitFor({ state: 'hidden' });
    await api('editMessageText', {
      chat_id: FAMILY_CHAT_ID,
      message_id: body.result.message_id,
      text: 'No.',
    });
    await page.getByText('No.', { exact: true }).waitFor();
    expect(await page.getByRole('button', { name: 'Yes' }).count()).toBe(0);
    expect(errors).toEqual([]);
    await context.close();
  });

  it('comes back by itself when the simulator was away', async () => {
    const { page, url, close } = await open(390, 844);
    await page.getByRole('button', { name: /Family/ }).click();
    await close();
    await page.getByText('Reconnecting…').waitFor({ state: 'attached' });
    const again = createSimulator({ token: TOKEN, clock: systemClock });
    again.say({ chat: 'Family', from: 'ben', text: 'while you were away' });
    const server = await serveSimulator(again, { port: Number(new URL(url).port) });
    await page
      .getByRole('article', { name: /^Ben at/ })
      .getByText('while you were away')
      .waitFor();
    await page.context().close();
    await server.close();
  });
});

/** Whether the button with these words has the focus. */
const isFocused = (page: Page, words: string): Promise<boolean> =>
  page.evaluate(
    `!!document.activeElement?.closest('button')?.textContent.includes(${JSON.stringify(words)})`,
  );
