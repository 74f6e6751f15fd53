/**
 * What of earlier conversations lies in the group's folder as Markdown (conversations/), searched line by line: in there they
 * are plain files, so the agent's side finds them as they are at this moment. Follows no link; reads so much and no more.
 */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { fold } from '../../../src/lib/fold.ts';

const FOLDER = 'conversations';
const MOST_FILES = 500;
const MOST_FILE_BYTES = 2 * 1024 * 1024;
const MOST_BYTES = 16 * 1024 * 1024;
const MOST_LINES = 10;
const MOST_LINE = 400;

/** Lines with all the words, of the files that were changed last first: `path:line: text`. Never throws. */
export function searchArchives(groupDir: string, query: string): string[] {
  const words = [...new Set(fold(query.slice(0, 500)))];
  if (words.length === 0) return [];
  const found: string[] = [];
  let bytes = 0;
  for (const { path, size } of archives(groupDir)) {
    bytes += size;
    if (bytes > MOST_BYTES) break;
    for (const [index, line] of read(join(groupDir, path)).split('\n').entries()) {
      const said = new Set(fold(line));
      if (!words.every((word) => said.has(word))) continue;
      found.push(`${path}:${index + 1}: ${line.trim().slice(0, MOST_LINE).toWellFormed()}`);
      if (found.length === MOST_LINES) return found;
    }
  }
  return found;
}

/** The newest first. */
function archives(groupDir: string): { path: string; size: number; at: number }[] {
  const files: { path: string; size: number; at: number }[] = [];
  const folders = [FOLDER];
  for (const folder of folders) {
    for (const entry of list(join(groupDir, folder))) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory() && folder === FOLDER) folders.push(path);
      if (!entry.isFile() || !entry.name.endsWith('.md')) continue;
      const stat = fs.lstatSync(join(groupDir, path), { throwIfNoEntry: false });
      if (stat?.isFile() && stat.size <= MOST_FILE_BYTES)
        files.push({ path, size: stat.size, at: stat.mtimeMs });
    }
  }
  return files.sort((a, b) => b.at - a.at).slice(0, MOST_FILES);
}

function list(directory: string): fs.Dirent[] {
  try {
    return fs.lstatSync(directory).isDirectory() ? fs.readdirSync(directory, { withFileTypes: true }) : [];
  } catch {
    return [];
  }
}

function read(path: string): string {
  try {
    const handle = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
    try {
      return fs.readFileSync(handle, 'utf8');
    } finally {
      fs.closeSync(handle);
    }
  } catch {
    return '';
  }
}
