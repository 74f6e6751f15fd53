/** The topics of a forum, to choose which of them is shown. */
import { make } from './text.js';

/**
 * None where the chat is no forum.
 * @param {import('./api.js').Chat} chat @param {import('./model.js').Model} model @param {() => void} changed
 */
export function topicButtons(chat, model, changed) {
  const list = chat.is_forum
    ? [{ threadId: undefined, name: 'All' }, { threadId: 0, name: 'General' }, ...chat.topics]
    : [];
  return list.map(({ threadId, name, ...more }) => {
    const isClosed = 'isClosed' in more && more.isClosed === true;
    const button = make('button', '', isClosed ? `${name} (closed)` : name);
    button.type = 'button';
    button.setAttribute('aria-pressed', String(model.topicId === threadId));
    button.addEventListener('click', () => {
      model.topicId = threadId;
      changed();
    });
    return button;
  });
}
