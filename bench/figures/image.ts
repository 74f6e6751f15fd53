/**
 * The size of the agent's image, as the engine counts it, beside what it cannot do without: the base image, and the program of
 * Claude Code, which comes as one file.
 */
import type { BenchContext, Row } from '../figure.ts';
import { agentImage, docker } from '../support/containers.ts';
import { statsOf } from '../support/stats.ts';

const PROGRAM = '/app/node_modules/@anthropic-ai/claude-agent-sdk-linux-*/claude';
const MB = 1e6;

export async function image(bench: BenchContext): Promise<Row[]> {
  const name = await agentImage(bench, 'image');
  if (name === null) return [];
  const [size = 0, layers = ''] = await Promise.all([
    docker('image', 'inspect', '--format', '{{.Size}}', name).then(Number),
    docker('history', '--human=false', '--no-trunc', '--format', '{{.Size}} {{.CreatedBy}}', name),
  ]);
  const program = Number(
    await docker('run', '--rm', '--entrypoint', 'sh', name, '-c', `stat -c %s ${PROGRAM}`),
  );
  // What lies below our first step is the base.
  const steps = layers.split('\n');
  const first = steps.findLastIndex((step) => step.includes('apt-get install'));
  const base = steps.slice(first + 1).reduce((sum, step) => sum + Number.parseInt(step, 10), 0);
  return [
    {
      name: 'size of the agent’s image',
      unit: 'MB',
      measured: statsOf([size / MB]),
      limit: {
        name: 'the base image and the program of Claude Code',
        stats: statsOf([(base + program) / MB]),
      },
      aim: null,
      note: `base ${Math.round(base / MB)} MB, Claude Code ${Math.round(program / MB)} MB, the rest is tools (git, python3, …) and our own`,
    },
  ];
}
