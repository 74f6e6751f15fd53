/** nanoclaw chat "<text>": says something through the running simulator and prints the answer. */
import type { Command } from 'commander';
import { homeOf, statusTokenOf } from '../config.ts';
import { NanoClawError } from '../errors.ts';
import { findDaemon } from '../lib/home-lock.ts';
import { chatOnce } from '../simulator/client.ts';
import { type Output, print } from './context.ts';

export function chatCommand(program: Command): void {
  program
    .command('chat')
    .description('say something in the simulator and print the answer')
    .argument('<text...>', 'what to say')
    .option('--chat <chat>', 'title or id of the chat', 'Family')
    .option('--as <person>', 'who says it: you, anna, ben, …', 'you')
    .option('--timeout <seconds>', 'how long to wait for an answer', '120')
    .option('--json', 'machine-readable')
    .action(async (words: string[], options: Output & { chat: string; as: string; timeout: string }) => {
      const seconds = Number(options.timeout);
      if (!(seconds > 0))
        throw new NanoClawError('COMMAND_INVALID', '--timeout: expected a number of seconds above 0');
      const daemon = findDaemon(homeOf());
      if (!daemon?.url)
        throw new NanoClawError('NO_DAEMON', 'No daemon is running here.', {
          fix: 'Start it first: npm start',
        });
      if (!daemon.simulator) {
        throw new NanoClawError('NO_DAEMON', 'The daemon talks to the real Telegram, not to the simulator.', {
          fix: 'Write in Telegram, or start one without TELEGRAM_BOT_TOKEN.',
        });
      }
      const { answer, messages } = await chatOnce({
        baseUrl: daemon.url,
        token: statusTokenOf(homeOf()),
        chat: options.chat,
        from: options.as,
        text: words.join(' '),
        timeoutMs: seconds * 1000,
      });
      print(options, { answer, messages }, answer);
    });
}
