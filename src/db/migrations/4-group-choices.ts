/** Settings of a group that are one of a few words */
import type { Migration } from './migration.ts';

export const GROUP_CHOICES_STEP: Migration = {
  id: 4,
  name: 'settings of groups',
  sql: `
-- Words as types.ts names them; the default is the first there, too.
ALTER TABLE registered_groups ADD COLUMN topics TEXT NOT NULL DEFAULT 'separate';
ALTER TABLE registered_groups ADD COLUMN progress TEXT NOT NULL DEFAULT 'progress';
ALTER TABLE registered_groups ADD COLUMN reactions TEXT NOT NULL DEFAULT 'off';
ALTER TABLE registered_groups ADD COLUMN language TEXT NOT NULL DEFAULT 'auto';

-- As what the file is sent: photo, audio, voice, video; NULL: as a document.
ALTER TABLE outbox ADD COLUMN file_kind TEXT;

-- What the Telegram of whoever asked here last is set to ("de", "pt-br"); NULL while nobody's said it.
ALTER TABLE chats ADD COLUMN language TEXT;

-- What a chat said before it became a supergroup is the group's, under its present id (group-move.ts).
UPDATE messages SET chat_jid = g.chat_jid, message_id = -1 - message_id, reply_to_message_id = -1 - reply_to_message_id
  FROM registered_groups g WHERE g.former_jid = messages.chat_jid;
UPDATE turns SET chat_jid = g.chat_jid FROM registered_groups g WHERE g.former_jid = turns.chat_jid;
CREATE INDEX questions_by_chat ON questions (chat_jid);
`,
};
