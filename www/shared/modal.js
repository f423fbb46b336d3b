/**
 * A modal dialog: what the <dialog> element does not do itself.
 *
 * It asks before it closes, whether the user pressed Esc, went back or clicked a button. It returns
 * the focus to where it was. It has its own live region, because all others are silent while it is
 * open. When it closes, it is removed from the document with all its content. The browser traps the
 * focus.
 */

import { focusedElement, h } from "./dom.js";

/**
 * @typedef {object} Options
 * @property {Node} root Where the dialog is inserted.
 * @property {string} id
 * @property {string} title The id of the heading that names it.
 * @property {string} [description] The id of the text that describes it.
 * @property {boolean} [wide]
 * @property {boolean} [alert] Whether it interrupts and needs an answer.
 * @property {() => boolean} [mayClose] Called when the user tries to close it.
 * @property {() => void} [onclosed]
 */

/** A dialog, from opening to closing. */
export class Modal {
  #options;
  #returnFocusTo = focusedElement();
  #status = h("p", { class: "unseen", role: "status" });
  /** @type {HTMLDialogElement} */
  #dialog;

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
    this.#dialog = h("dialog", {
      id: options.id,
      class: options.wide && "wide",
      role: options.alert && "alertdialog",
      "aria-labelledby": options.title,
      "aria-describedby": options.description,
      oncancel: (/** @type {Event} */ event) => {
        event.preventDefault();
        this.requestClose();
      },
      // Browsers close on a second Esc without asking, unless they never see the first.
      onkeydown: (/** @type {KeyboardEvent} */ event) => {
        if (event.key !== "Escape" || event.defaultPrevented) return;
        event.preventDefault();
        event.stopPropagation();
        this.requestClose();
      },
      onclose: (/** @type {Event} */ event) => event.target === this.#dialog && this.#remove(),
    });
  }

  /** @param {...Node} content */
  show(...content) {
    this.#dialog.replaceChildren(...content, this.#status);
    if (!this.#dialog.isConnected) this.#options.root.appendChild(this.#dialog);
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  /** What the dialog is doing, for styles and tests. @param {string} state */
  set state(state) {
    this.#dialog.dataset.state = state;
  }

  get isOpen() {
    return this.#dialog.open;
  }

  /** Has screen readers read a text. @param {string} text */
  announce(text) {
    this.#status.textContent = text;
  }

  /** Closes the dialog unless `mayClose` objects. */
  requestClose() {
    if (this.#options.mayClose?.() ?? true) this.close();
  }

  /** Closes the dialog without asking. */
  close() {
    if (this.#dialog.open) this.#dialog.close();
    // The close event comes later, but the content must go now.
    this.#remove();
  }

  /** Where the focus goes on closing, instead of where it was. @param {HTMLElement} element */
  set returnFocusTo(element) {
    this.#returnFocusTo = element;
  }

  #remove() {
    if (!this.#dialog.isConnected && this.#dialog.childElementCount === 0) return;
    this.#dialog.remove();
    this.#dialog.replaceChildren();
    if (this.#returnFocusTo?.isConnected) this.#returnFocusTo.focus();
    this.#options.onclosed?.();
  }
}
