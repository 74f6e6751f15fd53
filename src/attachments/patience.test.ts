import { describe, expect, it } from 'vitest';
import { NanoClawError } from '../errors.ts';
import { NetworkError, TelegramError } from '../telegram/api.ts';
import { DownloadError, StorageError, tooLarge } from '../telegram/download.ts';
import { type Iso, iso } from '../types.ts';
import { outcomeOf } from './patience.ts';

const NOW = 1_800_000_000_000;
const outcome = (
  error: unknown,
  more: { attempts?: number; outages?: number; outOfTime?: boolean; createdAt?: Iso } = {},
) =>
  outcomeOf(
    error,
    { attempts: more.attempts ?? 0, createdAt: more.createdAt ?? iso(NOW - 1000) },
    { outOfTime: more.outOfTime === true, nowMs: NOW, outages: more.outages ?? 0 },
  );

describe('a download that failed', () => {
  it.each([
    [tooLarge(20 * 1_048_576), 'it is larger than 20 MB'],
    [
      new TelegramError(400, 'Bad Request: file is too big'),
      'it is larger than Telegram gives to bots (20 MB)',
    ],
    [
      new TelegramError(400, 'Bad Request: wrong file_id'),
      'Telegram refused it (Bad Request: wrong file_id)',
    ],
    [new NanoClawError('FILE_REFUSED', 'no plain folder'), 'no plain folder'],
  ])('is given up at once where it will never come: %s', (error, giveUp) => {
    expect(outcome(error)).toEqual({ giveUp });
  });

  it('is tried again with growing pauses, and given up after the fifth that had an answer', () => {
    const cut = new DownloadError('the download was cut off', false);
    const pauses = [0, 1, 2, 3].map((attempts) => outcome(cut, { attempts }));
    expect(pauses.map((each) => each.giveUp === null && each.counts && each.retryInMs)).toEqual([
      1000, 3000, 9000, 27_000,
    ]);
    expect(outcome(cut, { attempts: 4 })).toEqual({ giveUp: 'the download was cut off' });
    expect(outcome(cut, { attempts: 4, outOfTime: true })).toEqual({ giveUp: 'the download took too long' });
  });

  it('for an outage, or for want of room, does not count, and is tried for a day', () => {
    const outages = [
      new NetworkError('ECONNREFUSED', 'no'),
      new TelegramError(502, 'Bad Gateway'),
      new TelegramError(401, 'Unauthorized'),
      new StorageError('ENOSPC'),
      new Error('anything'),
    ];
    for (const error of outages) expect(outcome(error, { attempts: 4 })).toMatchObject({ counts: false });
    expect(outcome(outages[0], { outages: 3 })).toMatchObject({ retryInMs: 8000 });
    expect(outcome(outages[0], { outages: 99 })).toMatchObject({ retryInMs: 30_000 });
    expect(outcome(new TelegramError(429, 'Too Many Requests', 17))).toMatchObject({
      counts: false,
      retryInMs: 17_000,
    });
    const yesterday = iso(NOW - 25 * 3_600_000);
    expect(outcome(outages[0], { createdAt: yesterday })).toEqual({
      giveUp: 'it could not be fetched for a day: Telegram cannot be reached',
    });
  });
});
