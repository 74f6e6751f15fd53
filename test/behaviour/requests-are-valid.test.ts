/**
 * What stands guard over every request in these tests can fail: a description of the Bot API made by somebody else, and
 * Telegram's rules for formatting. startBotApi() holds each request of each daemon against both.
 */
import { describe, expect, it } from 'vitest';
import { entityProblem } from '../support/telegram-rules.ts';
import { problemOf, watchRequests } from '../support/watched-requests.ts';
import { startSimulator } from './simulator-support.ts';

const said = (more: object) => ({
  method: 'sendMessage',
  params: { chat_id: '1', text: 'one two', ...more },
});
const bold = (offset: number, length: number) => ({ type: 'bold', offset, length });
const of = (type: string, offset: number, length: number, more: object = {}) => ({
  type,
  offset,
  length,
  ...more,
});
const FILE = { file: 'a.png', size: 3 };

describe('a request', () => {
  it.each([
    ['a message', said({ entities: [bold(0, 3)], reply_parameters: { message_id: 1 } })],
    ['buttons', said({ reply_markup: { inline_keyboard: [[{ text: 'a', callback_data: 'b' }]] } })],
    [
      'a form',
      {
        method: 'sendPhoto',
        params: { chat_id: '1', photo: 'attach://x', caption: '12', message_thread_id: '7', x: FILE },
      },
    ],
    ['one without parameters', { method: 'getMe', params: {} }],
    ['a question for updates', { method: 'getUpdates', params: { offset: 1, allowed_updates: ['message'] } }],
  ])('of this kind is taken: %s', (_, call) => {
    expect(problemOf(call)).toBeNull();
  });

  it.each([
    ['a parameter that does not exist', said({ treply: 1 }), /treply does not exist/],
    ['one that is missing', { method: 'sendMessage', params: { chat_id: '1' } }, /text is missing/],
    ['one of another type', said({ message_thread_id: '7' }), /message_thread_id is "7", expected a number/],
    [
      'a field that does not exist',
      said({ reply_parameters: { message_id: 1, messageId: 1 } }),
      /messageId does not exist/,
    ],
    ['a word that is none', said({ parse_mode: 'Markup' }), /parse_mode is "Markup"/],
    [
      'a kind of update that is none',
      { method: 'setMyCommands', params: { commands: [{ command: 'a' }] } },
      /description is missing/,
    ],
    ['a file where there is none', { method: 'sendPhoto', params: { chat_id: '1', photo: 7 } }, /photo is 7/],
    [
      'a caption that is too long',
      {
        method: 'sendPhoto',
        params: { chat_id: '1', photo: 'attach://x', caption: 'a'.repeat(1025), x: FILE },
      },
      /1025 units/,
    ],
    ['a method that does not exist', { method: 'sendMesage', params: {} }, /is no method/],
  ])('is found out: %s', (_, call, problem) => {
    expect(problemOf(call)).toMatch(problem);
  });

  it.each([
    ['zero length', [bold(0, 0)], /no range/],
    ['behind the text', [bold(4, 4)], /ends behind/],
    ['a negative offset', [bold(-1, 2)], /no range/],
    ['out of order', [bold(4, 3), bold(0, 3)], /out of order/],
    ['crossing', [bold(0, 5), of('italic', 4, 3)], /cross/],
    ['the same kind twice', [bold(0, 7), bold(4, 3)], /of its kind/],
    ['formatting in code', [of('code', 0, 7), bold(0, 3)], /may not contain/],
    ['code in bold', [bold(0, 7), of('code', 0, 3)], /may not contain/],
    ['a quote in a quote', [of('blockquote', 0, 7), of('expandable_blockquote', 4, 3)], /may not contain/],
    ['a blank', [bold(3, 1)], /shows nothing/],
    ['white space at an end', [bold(0, 4)], /white space/],
    ['a link to nowhere', [of('text_link', 0, 3, { url: 'nowhere' })], /no address/],
    ['a link without one', [of('text_link', 0, 3)], /no address/],
    ['more than a hundred', Array.from({ length: 101 }, () => bold(0, 1)), /101 entities/],
  ])('with entities that Telegram would refuse or change is found out: %s', (_, entities, problem) => {
    expect(entityProblem('one two', entities)).toMatch(problem);
  });

  it('that cuts a pair of surrogates is found out', () => {
    expect(entityProblem('a🐈b', [bold(0, 2)])).toMatch(/surrogate/);
    expect(entityProblem('a\ud83d', [])).toMatch(/surrogate/);
  });

  it('that is wrong fails the test that it is made in', async () => {
    const { sim, api } = await startSimulator();
    const requestsWereValid = watchRequests(sim);
    await api('getMe');
    await api('sendMessage', { chat_id: 1, text: 'a', silent: true });
    expect(requestsWereValid).toThrow(/sendMessage\.silent does not exist/);
  });
});
