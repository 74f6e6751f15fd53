/** Presses of buttons, and what the bot answers to them. */
import { post } from './api.js';
import { byId } from './composer.js';

/** Presses of this page that the bot has not answered yet. @type {Set<string>} */
const presses = new Set();
/** Those whose ids are not known yet; the bot may be quicker. @type {Set<Promise<void>>} */
const pressing = new Set();

/** @param {{chat: number, messageId: number, from: string, data: string}} pressed */
export async function press(pressed) {
  const known = post('press', pressed).then(({ id }) => void presses.add(id));
  pressing.add(known);
  await known.finally(() => pressing.delete(known));
}

/**
 * An alert is for whoever pressed; the rest is `said` for a moment.
 * @param {{id: string, text: string, showAlert: boolean}} event @param {(text: string) => void} said
 */
export async function answered({ id, text, showAlert }, said) {
  await Promise.allSettled(pressing);
  const isOwn = presses.delete(id);
  if (text === '') return;
  if (!showAlert || !isOwn) {
    said(text);
    return;
  }
  byId('alert-text', HTMLElement).textContent = text;
  const dialog = byId('alert', HTMLDialogElement);
  if (!dialog.open) dialog.showModal();
}
