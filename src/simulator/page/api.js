/** The page's side of /sim/api: shapes, calls, and the stream of events that reconnects by itself. */

/** @typedef {{id: number, is_bot: boolean, first_name: string, last_name?: string, username?: string}} User */
/** @typedef {{key: string, user: User}} Person */
/** @typedef {{type: string, offset: number, length: number, url?: string, language?: string}} Entity */
/** @typedef {{file_id: string, file_size: number, file_name?: string, mime_type?: string, width?: number, height?: number}} FileRef */
/** @typedef {{text: string, callback_data?: string, url?: string}} Button */
/**
 * @typedef {object} Message
 * @property {number} message_id
 * @property {User} from
 * @property {{id: number}} chat
 * @property {number} date
 * @property {number} [edit_date]
 * @property {number} [message_thread_id]
 * @property {boolean} [is_topic_message]
 * @property {Message} [reply_to_message]
 * @property {string} [text]
 * @property {Entity[]} [entities]
 * @property {{markdown: string}} [rich_message]
 * @property {string} [caption]
 * @property {Entity[]} [caption_entities]
 * @property {FileRef[]} [photo]
 * @property {FileRef} [document]
 * @property {FileRef} [audio]
 * @property {FileRef} [voice]
 * @property {FileRef} [video]
 * @property {FileRef} [video_note]
 * @property {FileRef} [animation]
 * @property {{inline_keyboard: Button[][]}} [reply_markup]
 * @property {User[]} [new_chat_members]
 * @property {User} [left_chat_member]
 * @property {string} [new_chat_title]
 * @property {number} [migrate_to_chat_id]
 * @property {number} [migrate_from_chat_id]
 * @property {{name: string}} [forum_topic_created]
 * @property {{userId: number, emoji: string[]}[]} [reactions]
 */
/** @typedef {{threadId: number, name: string, isClosed?: true}} Topic */
/** @typedef {{command: string, description: string}} Command */
/**
 * @typedef {object} Chat
 * @property {number} id
 * @property {'private' | 'group' | 'supergroup'} type
 * @property {string} [title]
 * @property {string} [first_name]
 * @property {boolean} [is_forum]
 * @property {Topic[]} topics
 * @property {string[]} memberKeys
 * @property {Record<string, Command[]>} commands what the bot offers here, by person
 * @property {string} botStatus
 * @property {boolean} botIsIn
 * @property {number | null} migratedTo
 * @property {Message | null} last
 */
/** @typedef {{now: number, bot: User, botPolledAt: number | null, statusPath: string | null, people: Person[], chats: Chat[]}} State */

/**
 * @param {string} path
 * @returns {Promise<any>}
 */
export async function get(path) {
  return answer(await fetch(`api/${path}`));
}

/**
 * @param {string} action
 * @param {object} body
 * @returns {Promise<any>}
 */
export async function post(action, body) {
  const headers = { 'content-type': 'application/json' };
  return answer(await fetch(`api/${action}`, { method: 'POST', headers, body: JSON.stringify(body) }));
}

/**
 * @param {File} file
 * @param {Record<string, string>} about
 */
export async function upload(file, about) {
  const query = new URLSearchParams({ ...about, name: file.name || 'file' });
  if (file.type) query.set('mime', file.type);
  const headers = { 'content-type': 'application/octet-stream' };
  return answer(await fetch(`api/upload?${query}`, { method: 'POST', headers, body: file }));
}

/** @param {Response} response */
async function answer(response) {
  /** @type {any} */
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.error ?? `The simulator answered ${response.status}.`);
  return body;
}

/**
 * @param {(event: any) => void} take every event, in order; `hello` comes first and after each reconnect
 * @param {(live: boolean) => void} tell
 */
export function listen(take, tell) {
  const source = new EventSource('api/events');
  source.onmessage = (message) => {
    tell(true);
    take(JSON.parse(message.data));
  };
  source.onerror = () => {
    tell(false);
    if (source.readyState !== EventSource.CLOSED) return;
    setTimeout(() => listen(take, tell), 1500);
  };
}
