/**
 * Builds and changes the DOM.
 *
 * Text is only ever inserted as text. Neither this file nor its users parse HTML, so a token's name
 * can never become markup. There are no templates, diffing or components: a view keeps references
 * to the elements that change and updates them.
 */

/** @typedef {Node | string | false | null | undefined} Child */
/** @typedef {HTMLElementTagNameMap & { "patrol-tokens": HTMLElement }} Elements */

/**
 * Creates an element. Omits attributes that are false, null or undefined; true becomes an empty
 * attribute, and a function under `onclick` and the like becomes a listener.
 *
 * @template {keyof Elements} Tag
 * @param {Tag} tag
 * @param {Record<string, unknown>} [attributes]
 * @param {...(Child | Child[])} children
 * @returns {Elements[Tag]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = /** @type {Elements[Tag]} */ (document.createElement(tag));
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") {
      element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    } else {
      setAttribute(element, name, value);
    }
  }
  element.append(...nodes(children));
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
    // Only written if it changes: screen readers announce every write.
    if (element.getAttribute(name) !== text) element.setAttribute(name, text);
  }
}

/** What `setText` wrote last. @type {WeakMap<Node, string>} */
const written = new WeakMap();

/**
 * Sets the text of a node that nothing else changes, except the browser's translation: that stays as
 * long as the text does.
 *
 * @param {Node} node
 * @param {string} text
 */
export function setText(node, text) {
  if (written.get(node) === text) return;
  written.set(node, text);
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Replaces the children of an element. Children that stay in place are not touched, so they keep
 * focus and selection.
 *
 * @param {Element} parent
 * @param {...(Child | Child[])} children
 */
export function setChildren(parent, ...children) {
  const wanted = nodes(children);
  const staying = new Set(wanted);
  for (const child of [...parent.childNodes]) {
    if (!staying.has(child)) child.remove();
  }
  wanted.forEach((child, index) => {
    const present = parent.childNodes[index];
    if (present !== child) parent.insertBefore(child, present ?? null);
  });
}

/**
 * Returns the element that has the focus, looking into shadow roots.
 *
 * @returns {HTMLElement | null}
 */
export function focusedElement() {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  return element instanceof HTMLElement ? element : null;
}

/**
 * @param {(Child | Child[])[]} children
 * @returns {Node[]}
 */
function nodes(children) {
  return children
    .flat()
    .filter((child) => child !== false && child !== null && child !== undefined)
    .map((child) => (child instanceof Node ? child : document.createTextNode(child)));
}
