import { expect, test } from 'vitest';
import { browserConfig, browserServer } from './browser.ts';

test('the proxy stands without its password in the address, which Chromium would not take', () => {
  const variables = { HTTPS_PROXY: 'http://agent:a%2Fb@127.0.0.1:8788' };
  expect(browserConfig(variables, '/workspace/group')).toMatchObject({
    browser: {
      isolated: true,
      launchOptions: {
        proxy: { server: 'http://127.0.0.1:8788', username: 'agent', password: 'a/b' },
        chromiumSandbox: false,
      },
    },
    outputDir: '/workspace/group/browser',
  });
});

test.each([{}, { HTTPS_PROXY: 'nonsense' }])('without a proxy none is named: %j', (variables) => {
  expect(JSON.stringify(browserConfig(variables, '/g'))).not.toContain('proxy');
});

test('where the image has no browser there is no server', () => {
  expect(browserServer({}, '/workspace/group')).toBeNull();
});
