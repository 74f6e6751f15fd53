import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Options, query, type SpawnOptions } from '@anthropic-ai/claude-agent-sdk';
import { afterEach, describe, expect, test } from 'vitest';
import type { TurnFile } from '../../../src/protocol.ts';
import type { Skill } from '../../../src/skills.ts';
import { claudeOptions } from './claude-options.ts';
import { EarlyClaude, expectedStart, type Start } from './claude-start.ts';
import { toolServer } from './claude-tools.ts';
import { createTools } from './tools.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'nanoclaw-early-'));
  folders.push(made);
  return made;
}

const turn = { assistant_name: 'Nina', group_name: 'Family', timezone: 'Europe/Berlin', is_main: false };
const skill = (name: string): Skill => ({
  ...{ name, description: 'what', instructions: 'how', scope: 'group', folder: `skills/${name}` },
});

function optionsFor(dir: string, skills: readonly Skill[], more: Partial<TurnFile> = {}): Options {
  const environment = { HOME: dir, NANOCLAW_GROUP_DIR: dir, ANTHROPIC_BASE_URL: 'http://127.0.0.1:1' };
  const variables = { PATH: process.env.PATH, HTTPS_PROXY: 'http://agent:token@127.0.0.1:2' };
  const parts = {
    environment,
    variables,
    turn: { ...turn, ...more },
    memory: 'what is known',
    team: [],
    skills,
  };
  // Claude Code's own program is in the image alone; test/docker/agent-runner shows that it is found there.
  const program = join(dir, 'claude');
  writeFileSync(program, '', { mode: 0o755 });
  return {
    ...claudeOptions(parts as unknown as Parameters<typeof claudeOptions>[0]),
    pathToClaudeCodeExecutable: program,
  };
}

/** What the SDK itself asks for. */
async function wantedBySdk(options: Options): Promise<Start> {
  let wanted: SpawnOptions | undefined;
  const sdk = await import('@anthropic-ai/claude-agent-sdk');
  const tools = createTools({
    ...({ commands: {}, mailbox: {} } as Pick<Parameters<typeof createTools>[0], 'commands' | 'mailbox'>),
    groupDir: '/',
    isMain: false,
    signal: new AbortController().signal,
  });
  const running = query({
    prompt: (async function* () {})(),
    options: {
      ...options,
      mcpServers: { nanoclaw: toolServer(sdk, tools, async () => ({ text: '', isError: false })) },
      hooks: { PreCompact: [{ hooks: [async () => ({})] }] },
      stderr: () => {},
      spawnClaudeCodeProcess(asked) {
        wanted = asked;
        return spawn(process.execPath, ['-e', '']);
      },
    },
  });
  await running.next().catch(() => {});
  running.close();
  if (!wanted) throw new Error('the SDK has started nothing');
  const { signal: _, ...start } = wanted;
  return start;
}

describe('what is started before the SDK is there is what the SDK would start', () => {
  test.each<[string, (dir: string) => Options]>([
    ['a fresh conversation', (dir) => optionsFor(dir, [])],
    [
      'one that is resumed',
      (dir) => ({ ...optionsFor(dir, []), resume: 'a1b2c3d4-0000-4000-8000-000000000000' }),
    ],
    [
      'a model, an effort and a bound for its thoughts',
      (dir) =>
        optionsFor(dir, [], { model: 'claude-opus-4-5', effort: 'high', max_thinking: 4000, max_turns: 7 }),
    ],
    ['no thoughts', (dir) => optionsFor(dir, [], { max_thinking: 0 })],
    [
      'one with skills',
      (dir) => ({
        ...optionsFor(dir, [skill('one'), skill('two')]),
        plugins: [{ type: 'local', path: join(dir, 'plugin') }],
      }),
    ],
  ])('%s', async (_, make) => {
    const options = make(folder());
    expect(expectedStart(options)).toEqual(await wantedBySdk(options));
  });

  test('with another server, whose arguments the SDK decides about, nothing is', () => {
    const options = optionsFor(folder(), []);
    expect(expectedStart({ ...options, mcpServers: { browser: { command: 'node', args: [] } } })).toBeNull();
  });
});

/** A program that notes its start and its words, says "here" and lives until its input ends. */
function program(dir: string, word = 'one'): Start {
  const script = `
    require('node:fs').appendFileSync('starts', process.argv[1] + '\\n');
    console.log('here');
    process.stdin.on('end', () => { console.error('last words'); process.exitCode = 3; }).resume();
  `;
  return { command: process.execPath, args: ['-e', script, word], cwd: dir, env: { PATH: '/usr/bin' } };
}
const startsIn = (dir: string): string =>
  existsSync(join(dir, 'starts')) ? readFileSync(join(dir, 'starts'), 'utf8') : '';
const { signal } = new AbortController();

describe('an early Claude', () => {
  test('is handed over as it is: one start, what it said before is read, and its end comes behind its last words', async () => {
    const dir = folder();
    const log: string[] = [];
    const early = new EarlyClaude(program(dir), (line) => log.push(line));
    let stderr = '';
    const taken = early.take({ ...program(dir), signal }, (data) => {
      stderr += data;
    });
    const [said] = await once(taken.stdout, 'data');
    expect(String(said)).toBe('here\n');
    early.drop(); // not any more
    const ended = new Promise((resolve) => {
      taken.on('exit', (code) => resolve({ code, stderr }));
    });
    taken.stdin.end();
    expect(await ended).toEqual({ code: 3, stderr: 'last words\n' });
    expect(startsIn(dir)).toBe('one\n');
    expect(log).toEqual([]);
  });

  test('gives way to what the SDK wants instead, and says so', async () => {
    const dir = folder();
    const log: string[] = [];
    const early = new EarlyClaude(program(dir, 'one'), (line) => log.push(line));
    const taken = early.take({ ...program(dir, 'other'), signal }, () => {});
    await once(taken.stdout, 'data');
    expect(startsIn(dir)).toContain('other\n');
    expect(log).toEqual([expect.stringContaining('a second time')]);
    taken.kill('SIGKILL');
  });

  test('that cannot be started is no fault of this program: the SDK is told by the second try', async () => {
    const dir = folder();
    const missing = { ...program(dir), command: join(dir, 'no-claude') };
    const early = new EarlyClaude(missing, () => {});
    await new Promise((resolve) => setImmediate(resolve));
    const taken = early.take({ ...missing, signal }, () => {});
    const failed = new Promise<Error>((resolve) => {
      taken.on('error', resolve);
    });
    expect(await failed).toMatchObject({ code: 'ENOENT' });
  });
});
