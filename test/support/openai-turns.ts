/**
 * The provider for chat completions against a strict scripted server, within the test's own process: a turn at a time, with what it
 * reported. Every request must have been one that the strictest server takes.
 */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import { z } from 'zod';
import { createOpenAiProvider } from '../../container/agent-runner/src/openai.ts';
import type { TurnOutcome } from '../../container/agent-runner/src/provider.ts';
import { define } from '../../container/agent-runner/src/tool.ts';
import type { AgentEnvironment } from '../../src/protocol/environment.ts';
import type { TurnFile } from '../../src/protocol.ts';
import { type ChatScript, createOpenAiApi, type OpenAiApi } from './openai-api.ts';

export interface Told {
  outcome: TurnOutcome;
  text: string;
  sessions: { id: string; fresh: boolean }[];
  activities: string[];
  drafts: string[];
}
type Values = Partial<TurnFile> & {
  interrupt?: AbortSignal;
  stallMs?: number;
  environment?: Partial<AgentEnvironment>;
};

const turnOf = (prompt: string, values: Partial<TurnFile>): TurnFile => ({
  protocol: 1,
  id: '7f9c24e8-3b13-4f63-8e11-6d2f4d1f0001',
  container: 'nanoclaw-test',
  kind: 'messages',
  attempt: 1,
  chat_jid: '-100200300',
  thread_id: null,
  group_name: 'Family',
  is_main: false,
  assistant_name: 'Nina',
  timezone: 'Europe/Berlin',
  session_id: null,
  prompt,
  requests: [prompt],
  ...values,
});
export const idOf = ({ sessions }: Told): string => sessions[0]?.id ?? '';

/** Uses each tool once, then answers with what it heard. */
export const using =
  (...calls: { name: string; input: Record<string, unknown> | string }[]): ChatScript =>
  ({ toolResults }) =>
    toolResults.length > 0 ? toolResults.join(' | ') : { text: 'I look.', calls };

/** For a suite: a group's folders and a server for each test. */
export function useOpenAi() {
  let root: string;
  let api: OpenAiApi;
  let sent: unknown[];

  beforeEach(async () => {
    root = fs.mkdtempSync(join(tmpdir(), 'nanoclaw-openai-'));
    for (const name of ['group', 'global', 'home']) fs.mkdirSync(join(root, name));
    api = await createOpenAiApi({ key: 'token-of-this-container' });
    sent = [];
  });
  afterEach(async () => {
    await api.close();
    fs.rmSync(root, { recursive: true, force: true });
  });

  const sendMessage = define(
    'send_message',
    'Sends a message.',
    z.object({ text: z.string().min(1).max(200_000) }),
    (args) => {
      sent.push(args);
      return { text: 'Sent.', isError: false };
    },
  );

  async function run(
    prompt: string,
    { interrupt, stallMs = 30_000, environment, ...values }: Values = {},
  ): Promise<Told> {
    const provider = createOpenAiProvider({
      environment: {
        NANOCLAW_PROTOCOL: 1,
        NANOCLAW_CONTAINER: 'nanoclaw-test',
        NANOCLAW_PROVIDER: 'openai',
        NANOCLAW_GROUP_DIR: join(root, 'group'),
        NANOCLAW_GLOBAL_DIR: join(root, 'global'),
        NANOCLAW_IPC_DIR: join(root, 'ipc'),
        NANOCLAW_IDLE_EXIT_MS: 60_000,
        NANOCLAW_SWEEP_MS: 60_000,
        HOME: join(root, 'home'),
        OPENAI_BASE_URL: api.url,
        OPENAI_API_KEY: 'token-of-this-container',
        OPENAI_MODEL: 'scripted',
        ...environment,
      },
      variables: { PATH: process.env.PATH, SECRET: 'not for commands' },
      stallMs,
      log: () => {},
      pausesMs: [1, 1, 1],
      mostRequests: 30,
    });
    const told: Omit<Told, 'outcome' | 'text'> = { sessions: [], activities: [], drafts: [] };
    const outcome = await provider.run(
      turnOf(prompt, values),
      [sendMessage],
      {
        alive(activity, draft) {
          told.activities.push(activity);
          if (draft !== undefined) told.drafts.push(draft);
        },
        async session(id, fresh) {
          told.sessions.push({ id, fresh });
        },
      },
      interrupt ?? new AbortController().signal,
    );
    provider.close();
    expect(api.refusals).toEqual([]);
    return { outcome, text: outcome.status === 'ok' ? (outcome.text ?? '') : '', ...told };
  }

  return {
    api: () => api,
    /** What was sent by the tool send_message. */
    sent: () => sent,
    /** A path in the folder that holds group/, global/ and home/. */
    path: (...parts: string[]) => join(root, ...parts),
    run,
  };
}
