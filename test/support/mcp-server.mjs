// A small MCP server over stdio, written from the specification and without its SDK, so that the client is held to the protocol and
// not to a sibling. What it is to do wrong is said by its first argument: hang, crash, chatter, many.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const [manner = ''] = process.argv.slice(2);
if (manner === 'crash') {
  console.error('no such database');
  process.exit(3);
}
if (manner === 'chatter') console.log('Welcome to the weather!');

const object = (properties) => ({ type: 'object', properties });
const TOOLS = [
  { name: 'echo', description: 'Says it again.', inputSchema: object({ text: { type: 'string' } }) },
  { name: 'env', description: 'Shows its environment.', inputSchema: object({}) },
  { name: 'picture', description: 'Shows a picture.', inputSchema: object({}) },
  { name: 'die', description: 'Ends.', inputSchema: object({}) },
  { name: 'wait', description: 'Never answers.', inputSchema: object({}) },
  { name: 'not a name', description: 'Cannot be called.', inputSchema: object({}) },
  ...(manner === 'many'
    ? Array.from({ length: 150 }, (_, n) => ({ name: `tool${n}`, description: 'x', inputSchema: object({}) }))
    : []),
];
// Somebody who would stay behind.
const child = spawn('sleep', ['4711']);

const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const text = (said) => ({ content: [{ type: 'text', text: said }] });
const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

function call({ name, arguments: args = {} }) {
  if (name === 'echo') return text(`echo: ${args.text}`);
  if (name === 'env')
    return text(JSON.stringify({ ...process.env, pid: process.pid, child: child.pid, cwd: process.cwd() }));
  if (name === 'picture') return { content: [{ type: 'image', data: PIXEL, mimeType: 'image/png' }] };
  if (name === 'die') process.exit(1);
  return name === 'wait' ? null : { ...text(`no tool ${name}`), isError: true };
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (manner === 'hang' || id === undefined) return;
  if (method === 'initialize')
    send({
      id,
      result: {
        protocolVersion: params.protocolVersion,
        capabilities: { tools: {} },
        serverInfo: { name: 'weather', version: '1.0.0' },
        instructions: 'Ask <me> about rain.',
      },
    });
  else if (method === 'tools/list') {
    const from = Number(params?.cursor ?? 0);
    const next = from + 50 < TOOLS.length ? { nextCursor: String(from + 50) } : {};
    send({ id, result: { tools: TOOLS.slice(from, from + 50), ...next } });
  } else if (method === 'tools/call') {
    const result = call(params);
    if (result) send({ id, result });
  } else if (method === 'ping') send({ id, result: {} });
  else send({ id, error: { code: -32601, message: `no method ${method}` } });
});
