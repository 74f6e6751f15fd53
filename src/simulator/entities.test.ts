import { describe, expect, it } from 'vitest';
import { findEntities, readBackticks } from './entities.ts';

const found = (text: string) =>
  findEntities(text).map((e) => [e.type, text.slice(e.offset, e.offset + e.length)]);

describe('findEntities', () => {
  it.each([
    ['hi @Nina!', [['mention', '@Nina']]],
    ['@abc is too short, mail@Nina is no mention', []],
    [
      '/start now, /help@nina_bot',
      [
        ['bot_command', '/start'],
        ['bot_command', '/help@nina_bot'],
      ],
    ],
    ['a/b and http://x.org/start/now', [['url', 'http://x.org/start/now']]],
    [
      'see https://a.b/c?d=1. And (https://e.f)',
      [
        ['url', 'https://a.b/c?d=1'],
        ['url', 'https://e.f'],
      ],
    ],
    ['write to anna.b@example.org, please', [['email', 'anna.b@example.org']]],
    ['example.org/x and 1.5 and readme.md', [['url', 'example.org/x']]],
    [
      '#cat #2026 #a1',
      [
        ['hashtag', '#cat'],
        ['hashtag', '#a1'],
      ],
    ],
    ['🐈 @Nina', [['mention', '@Nina']]],
  ])('%s', (text, entities) => {
    expect(found(text)).toEqual(entities);
  });

  it('finds nothing inside code, and keeps what was given', () => {
    const code = { type: 'code', offset: 0, length: 5 };
    expect(findEntities('@Nina @Nina', [code])).toEqual([code, { type: 'mention', offset: 6, length: 5 }]);
  });
});

describe('readBackticks', () => {
  it('makes code and pre of them and takes them out', () => {
    expect(readBackticks('a `b` c\n```ts\nlet x;\n```')).toEqual({
      text: 'a b c\nlet x;',
      entities: [
        { type: 'code', offset: 2, length: 1 },
        { type: 'pre', offset: 6, length: 6, language: 'ts' },
      ],
    });
  });

  it('leaves lone and empty ones alone', () => {
    const text = 'its ` ` ok and a lone ` here';
    expect(readBackticks(text)).toEqual({ text, entities: [] });
  });
});
