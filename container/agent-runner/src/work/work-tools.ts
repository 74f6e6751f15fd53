/**
 * What an agent needs to work in its folder: commands, files, search and the web. Claude Code brings these along; a plain
 * model gets them from here, under the same names. They act with the rights of this process: the container is the wall.
 */
import type { Tool } from '../tool.ts';
import { bashTool } from './bash.ts';
import { fileTools } from './files.ts';
import { searchTools } from './search.ts';
import { webTool } from './web.ts';
import type { Workplace } from './workplace.ts';

/** The tools of one turn. */
export function createWorkTools(workplace: Workplace): Tool[] {
  return [bashTool(workplace), ...fileTools(workplace), ...searchTools(workplace), webTool(workplace)];
}
