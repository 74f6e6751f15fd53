/** The worker that fetches what people send, with what it is configured to do. */
import { createTranscriber } from '../attachments/transcribe.ts';
import { type Attachments, type AttachmentsOptions, createAttachments } from '../attachments.ts';
import type { Config } from '../config.ts';
import { createHeard, type HeardOptions } from '../router/heard.ts';
import { createTeamAdd, type TeamAddOptions } from '../router/team-add.ts';

export interface OpenAttachments
  extends Pick<AttachmentsOptions, 'db' | 'clock' | 'log' | 'telegram' | 'wake' | 'wakeDelivery' | 'reach'>,
    Pick<HeardOptions, 'limits'>,
    Pick<TeamAddOptions, 'record'> {
  config: Config;
}

export function openAttachments({ config, limits, record, ...parts }: OpenAttachments): Attachments {
  const { transcribeCommand: command, engine } = config;
  const transcriber =
    command === null ? null : createTranscriber({ command, homeDir: engine.homeDir, log: parts.log });
  return createAttachments({
    ...parts,
    ...config.attachments,
    home: config.home,
    transcriber,
    came: createTeamAdd({ ...parts, home: config.home, record }),
    heard: createHeard({ db: parts.db, limits }),
  });
}
