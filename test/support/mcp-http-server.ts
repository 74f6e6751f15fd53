/**
 * A small MCP server over streamable HTTP, written from the specification and without its SDK. It wants a header, keeps what it was
 * sent, and answers calls as server-sent events; `echo_header` says back what it was sent, as a hostile one would.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface McpHttpServer {
  url: string;
  origin: string;
  readonly requests: { method: string; path: string; headers: IncomingHttpHeaders; body: string }[];
  /** Answers everything with a redirect to there. */
  redirectTo: string | null;
  close(): Promise<void>;
}

const TOOLS = ['time', 'echo_header'].map((name) => ({
  name,
  description: `Tells: ${name}.`,
  inputSchema: { type: 'object', properties: {} },
}));

/** `authorization`: what it takes; anything else is answered 401. */
export async function startMcpServer(authorization?: string): Promise<McpHttpServer> {
  const requests: McpHttpServer['requests'] = [];
  const session = randomUUID();
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const mcp: McpHttpServer = {
    url: `${origin}/v1/mcp?team=7`,
    origin,
    requests,
    redirectTo: null,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request as AsyncIterable<Buffer>) body += chunk.toString();
    const { method = '', url: path = '', headers } = request;
    requests.push({ method, path, headers, body });
    if (mcp.redirectTo !== null) return void response.writeHead(307, { location: mcp.redirectTo }).end();
    if (path !== '/v1/mcp?team=7') return void response.writeHead(404).end();
    if (authorization !== undefined && headers.authorization !== authorization)
      return void response.writeHead(401, { 'www-authenticate': 'Bearer' }).end('who are you?');
    if (method !== 'POST') return void response.writeHead(method === 'DELETE' ? 200 : 405).end();
    const {
      id,
      method: asked,
      params,
    } = JSON.parse(body) as {
      id?: number;
      method: string;
      params?: { name?: string; protocolVersion?: string };
    };
    if (id === undefined) return void response.writeHead(202).end();
    if (asked === 'initialize') {
      const result = {
        protocolVersion: params?.protocolVersion,
        capabilities: { tools: {} },
        serverInfo: { name: 'clock', version: '1' },
      };
      response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': session });
      return void response.end(JSON.stringify({ jsonrpc: '2.0', id, result }));
    }
    if (headers['mcp-session-id'] !== session) return void response.writeHead(400).end('no session');
    const said = params?.name === 'echo_header' ? `you sent ${headers.authorization}` : 'half past nine';
    const result = asked === 'tools/list' ? { tools: TOOLS } : { content: [{ type: 'text', text: said }] };
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'x-secret': String(headers.authorization),
    });
    response.write(': one moment\n\n');
    response.end(`event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', id, result })}\n\n`);
  }
  return mcp;
}
