/**
 * How the wizard speaks: with questions on a terminal, with plain lines and never a question in a script. Secrets are
 * typed without being shown, and nothing here prints an answer again.
 */
import type { ReadStream } from 'node:tty';
import * as clack from '@clack/prompts';
import { NanoClawError } from '../../errors.ts';

/** Ctrl-C, in a question or in between. */
export class Cancelled extends Error {
  constructor() {
    super('cancelled');
    this.name = 'Cancelled';
  }
}

export interface Choice<T extends string> {
  value: T;
  label: string;
  hint?: string;
}

export interface Talk {
  /** Somebody can be asked. */
  readonly interactive: boolean;
  say(text: string): void;
  good(text: string): void;
  warn(text: string): void;
  /** A line that the next one replaces, where that is possible. */
  progress(line: string): void;
  /** Asks; in a script takes `otherwise`. */
  confirm(question: string, otherwise: boolean): Promise<boolean>;
  choose<T extends string>(question: string, choices: readonly Choice<T>[], otherwise: T): Promise<T>;
  /** Asks until `problem` finds none. In a script a usage error that names `flag`. */
  secret(question: string, flag: string, problem: (value: string) => string | null): Promise<string>;
  text(question: string, flag: string, problem: (value: string) => string | null): Promise<string>;
}

export interface TalkOptions {
  input: ReadStream;
  output: NodeJS.WriteStream;
  /** False: never ask, even on a terminal. */
  mayAsk: boolean;
}

export function createTalk({ input, output, mayAsk }: TalkOptions): Talk {
  return mayAsk && input.isTTY && output.isTTY ? onTerminal({ input, output }) : inScript(output);
}

function inScript(output: NodeJS.WriteStream): Talk {
  const line = (text: string) => void output.write(`${text}\n`);
  const missing = (flag: string) => {
    throw new NanoClawError('COMMAND_INVALID', `${flag} is missing, and nobody can be asked here.`, {
      fix: 'Give it as a flag or in the environment (nanoclaw setup --help), or run this on a terminal.',
    });
  };
  let last = '';
  return {
    interactive: false,
    say: line,
    good: line,
    warn: (text) => line(`Warning: ${text}`),
    progress(text) {
      // The same again tells a log nothing.
      if (text !== last) line(text);
      last = text;
    },
    confirm: async (_question, otherwise) => otherwise,
    choose: async (_question, _choices, otherwise) => otherwise,
    secret: async (_question, flag) => missing(flag),
    text: async (_question, flag) => missing(flag),
  };
}

function onTerminal({ input, output }: Pick<TalkOptions, 'input' | 'output'>): Talk {
  const common = { input, output };
  let open = false;
  /** The line that is being replaced goes. */
  const settle = () => {
    if (open) output.write('\r\u001b[2K');
    open = false;
  };
  const answer = <T>(given: T | symbol): T => {
    if (clack.isCancel(given)) throw new Cancelled();
    return given as T;
  };
  const say = (write: (text: string, options: object) => void) => (text: string) => {
    settle();
    write(text, common);
  };
  const validate = (problem: (value: string) => string | null) => (value: string | undefined) =>
    problem((value ?? '').trim()) ?? undefined;
  return {
    interactive: true,
    say: say(clack.log.message),
    good: say(clack.log.success),
    warn: say(clack.log.warn),
    progress(text) {
      const width = Math.max(20, (output.columns ?? 80) - 4);
      output.write(`\r\u001b[2K   ${text.slice(0, width)}`);
      open = true;
    },
    async confirm(message, otherwise) {
      settle();
      return answer<boolean>(await clack.confirm({ ...common, message, initialValue: otherwise }));
    },
    async choose<T extends string>(message: string, choices: readonly Choice<T>[], otherwise: T) {
      settle();
      const options = choices.map((each) => ({ ...each })) as Parameters<
        typeof clack.select<string>
      >[0]['options'];
      const given = await clack.select<string>({ ...common, message, options, initialValue: otherwise });
      return answer<string>(given) as T;
    },
    async secret(message, _flag, problem) {
      settle();
      const given = await clack.password({ ...common, message, validate: validate(problem) });
      return answer<string>(given).trim();
    },
    async text(message, _flag, problem) {
      settle();
      const given = await clack.text({ ...common, message, validate: validate(problem) });
      return answer<string>(given).trim();
    },
  };
}
