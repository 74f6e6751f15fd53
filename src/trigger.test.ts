import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commandOf, requestOf, type TriggerInput, triggerOf } from './trigger.ts';

const ask = (text: string, more: Partial<TriggerInput> = {}) =>
  triggerOf({
    text,
    entities: [],
    repliesToBot: false,
    botUsername: 'nina_bot',
    trigger: '@Nina',
    requiresTrigger: true,
    ...more,
  });

describe('the trigger', () => {
  it.each([
    '@Nina hello',
    'hello @nina',
    'so, (@NINA) what?',
    '@Nina, are you there?',
    '@Nina: list',
    "@Nina's turn",
    'привет @Nina!',
    '你好@Nina你好'.replace('@Nina你好', ' @Nina。'),
    'ask @nina_bot please',
    'ask @Nina_Bot please',
    'line one\n@Nina line two',
    '@Nina.',
    '@Nina- well',
  ])('takes %j', (text) => expect(ask(text)).toBe('mention'));

  it.each([
    '@Nina-2',
    '@a.b',
    '@x|y',
    '(nina)',
    '[n]',
    '@n{1}',
    '@n*',
    '@n+?',
    '@n/m',
    '@n^$',
    '@n\\',
    '#n',
    '@n&&m--',
  ])('may be %j, which is a word and no pattern', (trigger) => {
    expect(ask(`hello ${trigger} there`, { trigger })).toBe('mention');
    expect(ask('hello there', { trigger })).toBeNull();
    expect(requestOf({ text: `${trigger} list`, trigger, botUsername: 'b' })).toBe('list');
  });

  it.each([
    '@Ninah hello',
    'mail@nina.org',
    'me@Nina',
    'nina hello',
    '@Nina_x',
    '@Nina2',
    '@Nina-Marie hello',
    'see /path/@Nina',
    '@nina_botter',
    '@@Nina',
    'x.@Nina',
    '@Niná',
    '@Nina\u0301',
  ])('leaves %j', (text) => expect(ask(text)).toBe(null));

  it('knows any script, any case, composed or not', () => {
    expect(ask('привет @зоя', { trigger: '@Зоя' })).toBe('mention');
    expect(ask('@A\u0308nne hi', { trigger: '@\u00c4nne' })).toBe('mention');
    expect(ask('@ΣΊΣΥΦΟΣ hi', { trigger: '@Σίσυφος' })).toBe('mention');
    expect(ask('@妮娜 你好', { trigger: '@妮娜' })).toBe('mention');
  });

  it('is not taken inside code', () => {
    expect(ask('run @Nina now', { entities: [{ type: 'code', offset: 4, length: 5 }] })).toBe(null);
    expect(ask('😀 @Nina', { entities: [{ type: 'pre', offset: 3, length: 5 }] })).toBe(null);
    expect(ask('@Nina run @Nina', { entities: [{ type: 'code', offset: 10, length: 5 }] })).toBe('mention');
  });

  it('is a reply to Nina, a command for her, or not needed', () => {
    expect(ask('yes', { repliesToBot: true })).toBe('reply');
    expect(ask('hello', { requiresTrigger: false })).toBe('always');
    const entity = (length: number) => ({ entities: [{ type: 'bot_command', offset: 0, length }] });
    expect(ask('/help', entity(5))).toBe('command');
    expect(ask('/help@Nina_bot', entity(14))).toBe('command');
    expect(ask('/help@other_bot', entity(15))).toBe(null);
  });

  it('never throws, whatever is written', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.string(),
        fc.nat(50),
        fc.nat(50),
        (text, trigger, offset, length) => {
          const entities = [
            { type: 'code', offset, length },
            { type: 'bot_command', offset: 0, length },
          ];
          const kind = ask(text, { trigger, entities });
          expect([null, 'command', 'mention']).toContain(kind);
        },
      ),
    );
  });
});

describe('the request', () => {
  const request = (text: string) => requestOf({ text, trigger: '@Nina', botUsername: 'nina_bot' });
  it('is the text without the mention', () => {
    expect(request('@Nina hello')).toBe('hello');
    expect(request('@Nina, hello there')).toBe('hello there');
    expect(request('hello @nina_bot there')).toBe('hello there');
    expect(request('a\nb @Nina')).toBe('a\nb');
    expect(request('@Nina')).toBe('@Nina');
  });
});

describe('a command', () => {
  it('has a name and arguments', () => {
    const entities = [{ type: 'bot_command', offset: 0, length: 5 }];
    expect(commandOf('/TASK pause 3', entities, 'nina_bot')).toEqual({ name: 'task', args: 'pause 3' });
    expect(commandOf('see /TASK', [{ type: 'bot_command', offset: 4, length: 5 }], 'nina_bot')).toBe(null);
  });
});
