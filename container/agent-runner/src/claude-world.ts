/**
 * The group's files around Claude's turns: the memory and the specialists that a process is started with, and what is written
 * down of what goes on in it. A process outlives turns, so its hooks ask here which one runs.
 */
import * as fs from 'node:fs';
import type { Options } from '@anthropic-ai/claude-agent-sdk';
import type { AgentEnvironment } from '../../../src/protocol/environment.ts';
import type { TurnFile } from '../../../src/protocol.ts';
import { readSkills, type Skill } from '../../../src/skills.ts';
import { readTeam, type Specialist } from '../../../src/team.ts';
import { archiveTranscript } from './archive.ts';
import { configDir } from './claude-options.ts';
import { readMemory } from './memory.ts';
import { layPlugin, shippedDir } from './skills.ts';
import { teamHooks } from './team-hooks.ts';
import { TeamLog } from './team-log.ts';
import { isTooLarge, transcriptOf } from './transcripts.ts';

export interface World {
  memory: string;
  team: Specialist[];
  /** The memory is not as the last turn left it: somebody else has written there, or it is another day. */
  isMemoryNew: boolean;
}

export class ClaudeWorld {
  readonly #folders: { groupDir: string; globalDir: string };
  readonly #configDir: string;
  readonly #log: (line: string) => void;
  #turn: TurnFile | null = null;
  #teamLog: TeamLog | null = null;
  #team: Specialist[] = [];
  #memory = '';
  #plugin: string | null = null;

  constructor(environment: AgentEnvironment, log: (line: string) => void) {
    const { NANOCLAW_GROUP_DIR: groupDir, NANOCLAW_GLOBAL_DIR: globalDir } = environment;
    this.#folders = { groupDir, globalDir };
    this.#configDir = configDir(environment);
    this.#log = log;
  }

  begin(turn: TurnFile): void {
    this.#turn = turn;
    this.#teamLog = new TeamLog({ groupDir: this.#folders.groupDir, now: Date.now, log: this.#log }, turn);
  }

  end(): void {
    this.#teamLog?.close();
    this.#teamLog = null;
    if (this.#turn) this.#memory = this.#readMemory(this.#turn);
    this.#turn = null;
  }

  /** As it is now. */
  look(turn: TurnFile): World {
    this.#team = readTeam(this.#folders).specialists;
    const memory = this.#readMemory(turn);
    return { memory, team: this.#team, isMemoryNew: memory !== this.#memory };
  }

  /** As they are now. */
  skills(): Skill[] {
    return readSkills({ ...this.#folders, shippedDir: shippedDir() }).skills;
  }

  /** The skills, as a new process finds them; those of the one before go. */
  plugins(skills: readonly Skill[]): NonNullable<Options['plugins']> {
    try {
      if (this.#plugin !== null) fs.rmSync(this.#plugin, { recursive: true, force: true });
      this.#plugin = layPlugin(skills);
    } catch (error) {
      this.#plugin = null;
      this.#log(`the skills could not be laid out: ${String(error)}`);
    }
    return this.#plugin === null ? [] : [{ type: 'local', path: this.#plugin }];
  }

  hooks(): NonNullable<Options['hooks']> {
    return {
      ...teamHooks(
        () => this.#teamLog,
        (name) => this.#team.some((one) => one.name === name),
      ),
      PreCompact: [
        {
          hooks: [
            async (input) => {
              this.#archive(input.transcript_path);
              return {};
            },
          ],
        },
      ],
    };
  }

  /** The conversation has grown larger than Claude Code could take up. */
  isTooLarge = (sessionId: string): boolean => isTooLarge(this.#configDir, sessionId);

  /** A conversation is not gone on with: what was said in it stays readable. */
  leave(sessionId: string): void {
    try {
      const transcript = transcriptOf(this.#configDir, sessionId);
      if (transcript !== null) this.#archive(transcript);
    } catch (error) {
      this.#log(`conversation ${sessionId} could not be looked for: ${String(error)}`);
    }
  }

  #readMemory({ timezone }: TurnFile): string {
    return readMemory(this.#folders, Date.now(), timezone);
  }

  /** Before Claude replaces what was said by a summary of it, or another conversation begins. */
  #archive(transcript: string): void {
    if (this.#turn === null) return;
    const { timezone, group_name: groupName, assistant_name: assistantName } = this.#turn;
    const about = { timezone, groupName, assistantName, nowMs: Date.now() };
    try {
      const file = archiveTranscript({ ...about, groupDir: this.#folders.groupDir, transcript });
      this.#log(`a conversation ends here; what was said is in ${file ?? 'no file, as it is empty'}`);
    } catch (error) {
      this.#log(`a conversation could not be archived: ${String(error)}`);
    }
  }
}
