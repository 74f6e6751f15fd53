/** In which language a chat hears the daemon: as its group is set, else as whoever asked there last. */
import type { ChatJid } from '../types.ts';
import { DEFAULT_LANGUAGE, type Language, languageOf, type Words, wordsOf } from '../words.ts';
import type { Sqlite } from './open.ts';

interface LanguageRow {
  chosen: 'auto' | Language | null;
  heard: string | null;
}

export function languageRepository(db: Sqlite) {
  const note = db.prepare('UPDATE chats SET language = ? WHERE chat_jid = ? AND language IS NOT ?');
  const find = db.prepare<[string, string], LanguageRow>(
    `SELECT (SELECT language FROM registered_groups WHERE chat_jid = ?) AS chosen,
       (SELECT language FROM chats WHERE chat_jid = ?) AS heard`,
  );

  const of = (jid: ChatJid): Language => {
    const row = find.get(jid, jid);
    const chosen = row?.chosen ?? 'auto';
    // What a newer program has set is none of ours.
    return (chosen === 'auto' ? languageOf(row?.heard) : languageOf(chosen)) ?? DEFAULT_LANGUAGE;
  };

  return {
    of,
    /** The daemon's sentences, for this chat. */
    wordsFor: (jid: ChatJid): Words => wordsOf(of(jid)),
    /** Somebody whose Telegram is set to `code` has asked something in this chat, which is known. Null changes nothing. */
    note(jid: ChatJid, code: string | null): void {
      if (code !== null) note.run(code, jid, code);
    },
  };
}
