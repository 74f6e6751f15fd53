/** The bot's commands behind "/": what it offers here, to whom one speaks as. Choosing one says it, as Telegram's apps do. */
import { make } from './text.js';

/** @typedef {import('./api.js').Command} Command */

/**
 * @param {HTMLDetailsElement} box
 * @param {HTMLElement} list
 * @param {readonly Command[]} commands
 * @param {(command: string) => void} say
 */
export function showCommands(box, list, commands, say) {
  box.hidden = commands.length === 0;
  list.replaceChildren(
    ...commands.map(({ command, description }) => {
      const button = make('button', '');
      button.type = 'button';
      button.append(make('strong', '', `/${command}`), make('span', 'quiet', description));
      button.addEventListener('click', () => {
        box.open = false;
        say(`/${command}`);
      });
      return button;
    }),
  );
}
