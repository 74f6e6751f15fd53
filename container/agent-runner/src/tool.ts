/** What a tool is, for both providers: arguments parsed, one thing done, the truth told about it. */
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import type { CommandOutcome } from './commands.ts';

export interface ToolResult {
  text: string;
  isError: boolean;
  /** The same with pictures, for models that see them. */
  content?: CallToolResult['content'];
}

export interface Tool {
  readonly name: string;
  readonly description: string;
  /** The arguments, as a zod shape. */
  readonly shape: z.ZodRawShape;
  /** Of an MCP server: what it is called there, and its arguments as JSON Schema, which stands instead of `shape`. */
  readonly mcp?: { server: string; tool: string; inputSchema: Record<string, unknown> };
  /** Parses the arguments, acts, and tells what became of it. Never rejects. */
  call(args: unknown): Promise<ToolResult>;
}

/** A chat id as an argument. */
export const chatArgument = z.string().describe('chat id, such as "-1001234567890"');

/** A tool whose arguments are checked before `act`, and whose failures are told instead of thrown. */
export function define<Shape extends z.ZodRawShape>(
  name: string,
  description: string,
  schema: z.ZodObject<Shape>,
  act: (args: z.infer<z.ZodObject<Shape>>) => Promise<ToolResult> | ToolResult,
): Tool {
  return {
    name,
    description,
    shape: schema.shape,
    async call(args) {
      const parsed = schema.safeParse(args);
      if (!parsed.success) return failure(`not done: ${z.prettifyError(parsed.error)}`);
      try {
        return await act(parsed.data);
      } catch (error) {
        return failure(`not done: ${error instanceof Error ? error.message : String(error)}`);
      }
    },
  };
}

/** What became of a command, in words for the model. */
export function describe(outcome: CommandOutcome): ToolResult {
  switch (outcome.kind) {
    case 'done':
      return { text: outcome.detail, isError: false };
    case 'refused':
      return failure(`refused: ${outcome.reason}`);
    case 'invalid':
      return failure(`not done: ${outcome.reason}`);
    case 'unanswered':
      return failure(
        `No answer came within ${Math.round(outcome.afterMs / 1000)} seconds. It is not known whether it was done; ` +
          'it may still be done later. Do not repeat it; say so if it matters.',
      );
  }
}

/** A result that tells the model that it did not work. */
export const failure = (message: string): ToolResult => ({ text: message, isError: true });
