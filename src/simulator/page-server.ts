/** Serves the page and its API. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { sendJson } from './http.ts';
import type { MethodContext } from './methods/context.ts';
import type { People } from './people.ts';

export interface PageOptions {
  readonly context: MethodContext;
  readonly people: People;
  readonly save: () => void;
  readonly hosts: readonly string[];
}

export class PageServer {
  readonly options: PageOptions;

  constructor(options: PageOptions) {
    this.options = options;
  }

  handle(req: IncomingMessage, res: ServerResponse, _url: URL): void {
    req.resume();
    sendJson(res, 404, { error: 'not here yet' });
  }

  close(): void {}
}
