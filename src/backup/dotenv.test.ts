import { expect, it } from 'vitest';
import { withoutSecrets } from './dotenv.ts';

it('leaves out secrets, and URLs that hold a password', () => {
  const lines = [
    'TZ=Europe/Berlin',
    'ANTHROPIC_API_KEY=sk-ant-canary',
    'ANTHROPIC_BASE_URL=https://me:canary@models.example.org',
    'TELEGRAM_API_ROOT=http://bots.example.org:8081',
  ];
  expect(withoutSecrets(lines.join('\n')).split('\n')).toEqual([
    'TZ=Europe/Berlin',
    '# ANTHROPIC_API_KEY: not in this backup',
    '# ANTHROPIC_BASE_URL: not in this backup',
    'TELEGRAM_API_ROOT=http://bots.example.org:8081',
  ]);
});
