/**
 * The router: links within the page change the view and the history without a page load.
 *
 * They are normal links, so they also work in another tab or before the module has loaded. A view
 * can keep the user from leaving it.
 */

import { addressOf, currentView, isView } from "./mount.js";

/**
 * @typedef {object} Options
 * @property {() => void} show Shows the view for the address.
 * @property {() => boolean} mayLeave Called before the address changes.
 */

/** The page's address and history. */
export class Router {
  #options;
  #address = location.href;

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
    addEventListener("click", (event) => this.#onClick(event));
    addEventListener("popstate", () => this.#onPopState());
  }

  /** The view at the current address. */
  get view() {
    return currentView();
  }

  /** @param {string} name */
  query(name) {
    return new URLSearchParams(location.search).get(name);
  }

  /** Adds an entry to the history, as a link does. @param {string} view */
  go(view) {
    this.#push(addressOf(view));
  }

  /** Replaces the current entry of the history. @param {string} view */
  replace(view) {
    history.replaceState(null, "", addressOf(view));
    this.#navigated();
  }

  /** @param {string} address */
  #push(address) {
    if (!this.#options.mayLeave()) return;
    history.pushState(null, "", address);
    this.#navigated();
  }

  /** @param {MouseEvent} event */
  #onClick(event) {
    const hasModifier = event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
    if (event.defaultPrevented || event.button !== 0 || hasModifier) return;
    const link = event.composedPath().find((target) => target instanceof HTMLAnchorElement);
    if (!link || link.target || link.hasAttribute("download")) return;
    if (link.origin !== location.origin || !isView(link.pathname) || link.hash) return;
    event.preventDefault();
    this.#push(link.pathname + link.search);
  }

  #onPopState() {
    // Only the fragment has changed, as for the skip link: the view stays.
    if (location.href.split("#", 1)[0] === this.#address.split("#", 1)[0]) return;
    if (this.#options.mayLeave()) this.#navigated();
    else history.pushState(null, "", this.#address);
  }

  #navigated() {
    this.#address = location.href;
    this.#options.show();
  }
}
