/** Small helpers. What people wrote goes in as text nodes only, never as HTML. */

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {string} [className]
 * @param {...(string | Node)} content
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, className, ...content) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...content);
  return element;
}

/**
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`#${id} is missing`);
  return element;
}

/**
 * Fills a table and hides it while it is empty: the sentence behind it says so.
 * @param {string} id
 * @param {HTMLTableRowElement[]} rows
 */
export function fillTable(id, rows) {
  const table = byId(id, HTMLTableElement);
  table.tBodies[0]?.replaceChildren(...rows);
  table.hidden = rows.length === 0;
  const none = table.nextElementSibling;
  if (none instanceof HTMLElement && none.classList.contains('none')) none.hidden = rows.length > 0;
}

/**
 * @param {(string | Node)[]} cells the first one heads the row
 * @param {string} [className]
 */
export function row(cells, className) {
  const tr = make('tr', className);
  cells.forEach((cell, i) => {
    const td = document.createElement(i === 0 ? 'th' : 'td');
    if (td.tagName === 'TH') td.scope = 'row';
    td.append(cell);
    tr.append(td);
  });
  return tr;
}
