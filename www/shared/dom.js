/**
 * Building and changing the DOM.
 *
 * Text goes in as text only: nothing here, and nothing that uses it, parses HTML, so a token's
 * name can never become markup. Left out: templates, diffing, components; a view keeps the
 * elements that change and changes them.
 */

/** @typedef {Node | string | false | null | undefined} Child */

/**
 * An element. Attributes that are false, null or undefined are left out, true is an empty one;
 * a function under `onclick` and the like becomes a listener.
 *
 * @param {string} tag
 * @param {Record<string, unknown>} [attributes]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElement}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") {
      element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    } else {
      setAttribute(element, name, value);
    }
  }
  element.append(...real(children));
  return element;
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {unknown} value As for `h`.
 */
export function setAttribute(element, name, value) {
  if (value === false || value === null || value === undefined) {
    element.removeAttribute(name);
  } else {
    const text = value === true ? "" : String(value);
    // Written only when it changes: screen readers take a write for news.
    if (element.getAttribute(name) !== text) element.setAttribute(name, text);
  }
}

/**
 * @param {Node} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Makes the children of a parent these, in this order. Those that are in place are not touched
 * and keep focus and selection.
 *
 * @param {Element} parent
 * @param {...(Child | Child[])} children
 */
export function setChildren(parent, ...children) {
  const wanted = real(children);
  const kept = new Set(wanted);
  for (const child of [...parent.childNodes]) {
    if (!kept.has(child)) child.remove();
  }
  wanted.forEach((child, index) => {
    const present = parent.childNodes[index];
    if (present !== child) parent.insertBefore(child, present ?? null);
  });
}

/**
 * The element that has the focus, in whichever shadow root it is.
 *
 * @returns {HTMLElement | null}
 */
export function focused() {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  return element instanceof HTMLElement ? element : null;
}

/**
 * @param {(Child | Child[])[]} children
 * @returns {Node[]}
 */
function real(children) {
  return children
    .flat()
    .filter((child) => child !== false && child !== null && child !== undefined)
    .map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));
}
