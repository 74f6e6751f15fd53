import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { rolldown } from 'rolldown';
import { extract } from 'tar-stream';
import { afterEach, describe, expect, it } from 'vitest';
import { projectRoot } from '../lib/project-root.ts';
import { packBuildContext, readBuildContext } from './build-context.ts';

const root = mkdtempSync(join(tmpdir(), 'nanoclaw-context-'));
const put = (path: string, text: string) => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
};
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('readBuildContext', () => {
  it('holds whatever the agent runner imports', async () => {
    const context = await readBuildContext(projectRoot());
    const contents = new Map(context?.files.map(({ path, content }) => [path, content.toString()]));
    const missing: string[] = [];
    const seen = new Set<string>();
    const follow = (file: string, from: string): void => {
      const text = contents.get(file);
      if (text === undefined) missing.push(`${file}, imported by ${from}`);
      if (text === undefined || seen.has(file)) return;
      seen.add(file);
      for (const [, name] of text.matchAll(/^(?:import|export|\}) (?!type )[^;]*?from '(\.[^']+)';/gm))
        follow(join(dirname(file), name ?? ''), file);
      for (const [, name] of text.matchAll(/import\('(\.[^']+)'\)/g))
        follow(join(dirname(file), name ?? ''), file);
    };
    follow('container/agent-runner/src/main.ts', 'the bundler');
    expect(missing).toEqual([]);
    expect(seen.size).toBeGreaterThan(50);
  });

  it('takes what the image is made of and nothing else, in a fixed order', async () => {
    put('container/Dockerfile', 'FROM x');
    put('container/agent-runner/package.json', '{}');
    put('container/agent-runner/src/main.ts', 'main');
    put('container/agent-runner/src/deep/tool.ts', 'tool');
    put('container/agent-runner/src/main.test.ts', 'test');
    put('container/agent-runner/node_modules/x/index.js', 'module');
    put('src/protocol.ts', 'protocol');
    put('src/protocol/commands.ts', 'commands');
    put('src/index.ts', 'not in the image');
    put('.env', 'SECRET');
    symlinkSync(join(root, '.env'), join(root, 'container/agent-runner/src/planted.ts'));
    const context = await readBuildContext(root);
    const names = [
      'container/Dockerfile',
      'container/agent-runner/package.json',
      'container/agent-runner/src/deep/tool.ts',
      'container/agent-runner/src/main.ts',
      'src/protocol.ts',
      'src/protocol/commands.ts',
    ];
    expect(context?.files.map((file) => file.path)).toEqual(names);

    if (!context) throw new Error('no context');
    const packed: string[] = [];
    for await (const entry of packBuildContext(context).pipe(extract())) {
      packed.push(entry.header.name);
      entry.resume();
    }
    expect(packed).toEqual(names);
  });

  it('holds every file that the agent runner takes along', async () => {
    const project = resolve(import.meta.dirname, '../..');
    const context = await readBuildContext(project);
    for (const { path, content } of context?.files ?? []) put(path, content.toString());
    const bundle = await rolldown({
      input: join(root, 'container/agent-runner/src/main.ts'),
      tsconfig: false,
      platform: 'node',
      // Packages are the image's own business.
      external: (id) => !id.startsWith('.') && !id.startsWith('/'),
    });
    // Throws at an import that leads to no file.
    const { output } = await bundle.generate({ format: 'esm' });
    await bundle.close();
    const taken = output.flatMap((chunk) => (chunk.type === 'chunk' ? chunk.moduleIds : []));
    expect(taken).toContain(join(root, 'src/team.ts'));
  });

  it('hashes paths and contents, not times or tests', async () => {
    put('container/Dockerfile', 'FROM x');
    put('container/agent-runner/src/a.ts', 'one');
    const first = await readBuildContext(root);
    put('container/agent-runner/src/a.ts', 'one');
    put('container/agent-runner/src/a.test.ts', 'new');
    expect((await readBuildContext(root))?.hash).toBe(first?.hash);
    put('container/agent-runner/src/a.ts', 'two');
    expect((await readBuildContext(root))?.hash).not.toBe(first?.hash);
  });

  it('is null without a Dockerfile', async () => {
    put('src/protocol.ts', 'protocol');
    expect(await readBuildContext(root)).toBeNull();
  });
});
