/** Chat text as elements. What people and the bot write goes in as text nodes only, never as HTML. */

/** @typedef {import('./api.js').Entity} Entity */

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {string} [className]
 * @param {string} [text]
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

/** @type {Record<string, keyof HTMLElementTagNameMap>} */
const TAGS = {
  bold: 'strong',
  italic: 'em',
  underline: 'u',
  strikethrough: 's',
  code: 'code',
  blockquote: 'blockquote',
  expandable_blockquote: 'blockquote',
};

/**
 * @param {string} text
 * @param {Entity[]} [entities]
 * @returns {DocumentFragment}
 */
export function formatted(text, entities = []) {
  const sorted = [...entities].sort((a, b) => a.offset - b.offset || b.length - a.length);
  return range(text, sorted, 0, text.length);
}

/**
 * @param {string} text
 * @param {Entity[]} entities sorted, within start and end
 * @param {number} start
 * @param {number} end
 */
function range(text, entities, start, end) {
  const out = document.createDocumentFragment();
  let at = start;
  for (let i = 0; i < entities.length; i += 1) {
    const entity = entities[i];
    if (!entity || entity.offset < at) continue;
    const stop = Math.min(end, entity.offset + entity.length);
    if (entity.offset > at) out.append(text.slice(at, entity.offset));
    const inner = entities.slice(i + 1).filter((e) => e.offset < stop);
    const wrapped = wrap(entity, text.slice(entity.offset, stop));
    wrapped.hole.append(range(text, inner, entity.offset, stop));
    out.append(wrapped.outer);
    at = stop;
    // A line break right after a block would show as an empty line.
    if (wrapped.isBlock && text[at] === '\n') at += 1;
  }
  if (at < end) out.append(text.slice(at, end));
  return out;
}

/**
 * @param {Entity} entity
 * @param {string} covered
 * @returns {{outer: HTMLElement, hole: HTMLElement, isBlock?: boolean}}
 */
function wrap(entity, covered) {
  const { type } = entity;
  if (type === 'pre') {
    const outer = make('pre');
    const hole = make('code');
    if (entity.language) outer.dataset.language = entity.language;
    outer.tabIndex = 0;
    outer.append(hole);
    return { outer, hole, isBlock: true };
  }
  if (type === 'spoiler') {
    const hole = make('span', 'spoiler');
    hole.tabIndex = 0;
    hole.setAttribute('role', 'button');
    hole.setAttribute('aria-label', 'Hidden text, press to show');
    const show = () => {
      hole.classList.add('shown');
      hole.removeAttribute('role');
      hole.removeAttribute('aria-label');
    };
    hole.addEventListener('click', show);
    hole.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' || event.key === ' ') show();
    });
    return { outer: hole, hole };
  }
  const href = linkOf(entity, covered);
  if (href) {
    const hole = make('a');
    hole.href = href;
    hole.target = '_blank';
    hole.rel = 'noopener noreferrer';
    return { outer: hole, hole };
  }
  const tag = TAGS[type];
  const hole = tag ? make(tag) : make('span', `entity ${type.replace(/[^a-z_]/g, '')}`);
  return { outer: hole, hole, isBlock: tag === 'blockquote' };
}

/**
 * Only addresses that lead somewhere harmless become links.
 * @param {Entity} entity
 * @param {string} covered
 */
function linkOf({ type, url }, covered) {
  if (type === 'email') return `mailto:${covered}`;
  const target = type === 'text_link' ? url : type === 'url' ? covered : undefined;
  if (!target) return undefined;
  if (/^(https?|tg|mailto):/i.test(target)) return target;
  return /^[a-z][a-z0-9+.-]*:/i.test(target) ? undefined : `https://${target}`;
}
