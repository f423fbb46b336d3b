/**
 * Addresses: links within the page change the view and the history, without loading it anew.
 *
 * Links stay real: opened in another tab, or with the module not loaded, they lead to the same
 * view. A view that must not be lost can hold the user back.
 */

/**
 * @typedef {object} Options
 * @property {() => void} show Shows the view of the address.
 * @property {() => boolean} mayLeave Asked before the address changes.
 */

/** The address of the page. */
export class Router {
  #options;
  #shown = location.href;

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
    addEventListener("click", (event) => this.#follow(event));
    addEventListener("popstate", () => this.#goBack());
  }

  /** The path, without a slash at its end. */
  get path() {
    return location.pathname.replace(/(?<=.)\/+$/, "");
  }

  /** @param {string} name */
  query(name) {
    return new URLSearchParams(location.search).get(name);
  }

  /** As a link would. @param {string} path */
  go(path) {
    if (!this.#options.mayLeave()) return;
    history.pushState(null, "", path);
    this.#arrive();
  }

  /** In place of the present address. @param {string} path */
  replace(path) {
    history.replaceState(null, "", path);
    this.#arrive();
  }

  /** @param {MouseEvent} event */
  #follow(event) {
    const changed = event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
    if (event.defaultPrevented || event.button !== 0 || changed) return;
    const link = event.composedPath().find((target) => target instanceof HTMLAnchorElement);
    if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute("download"))
      return;
    if (link.origin !== location.origin || link.hash) return;
    event.preventDefault();
    this.go(link.pathname + link.search);
  }

  #goBack() {
    // Within a page, as the skip link goes: the view is the same.
    if (location.href.split("#", 1)[0] === this.#shown.split("#", 1)[0]) return;
    if (this.#options.mayLeave()) this.#arrive();
    else history.pushState(null, "", this.#shown);
  }

  #arrive() {
    this.#shown = location.href;
    this.#options.show();
  }
}
