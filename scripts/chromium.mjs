// @ts-check
/** Where a Chromium is, and how one is started: for the tests of the pages and for the pictures. */
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const PLACES = [
  process.env.CHROMIUM_PATH ?? '',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];
const ARGS =
  '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';

/** Undefined where there is none: then CHROMIUM_PATH may name one. */
export const chromiumPath = PLACES.find((place) => place !== '' && existsSync(place));

/** Headless. Rejects when there is no Chromium. */
export function launchChromium() {
  if (chromiumPath === undefined) throw new Error('no Chromium was found; set CHROMIUM_PATH');
  return chromium.launch({ executablePath: chromiumPath, args: ARGS.split(' ') });
}
