/** Entries of a conversation as an archive keeps them: what people said and she answered, of a tool its name. Pure. */
import { type Said, short, usedTool } from '../archive.ts';
import { readablePrompt } from '../readable-prompt.ts';
import type { Entry } from './transcript.ts';

export function saidIn(entries: readonly Entry[], assistantName: string): Said[] {
  return entries.flatMap((entry): Said[] => {
    switch (entry.role) {
      case 'user': {
        const text = readablePrompt(entry.text);
        return text === ''
          ? []
          : [{ text: `## Chat\n\n${short(text)}`, topic: text.replace(/\*\*.*?\*\*:?/g, '') }];
      }
      case 'assistant': {
        const used = (entry.calls ?? []).map(({ name, input }) => usedTool(name, input));
        const parts = [entry.text.trim(), ...used].filter(Boolean).join('\n\n');
        return parts === '' ? [] : [{ text: `**${assistantName}**: ${short(parts)}`, topic: '' }];
      }
      // An earlier archive holds what the summary is of; results are not kept.
      default:
        return [];
    }
  });
}
