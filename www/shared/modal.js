/**
 * A modal dialog: the <dialog> element with what it leaves to its user.
 *
 * It asks before it closes, whichever way the wish comes (Esc, a back gesture, a button). It
 * brings the focus back to where it was, has a live region of its own (all others are silent
 * while it is open), and is removed from the document when it closes, so that nothing it has
 * shown stays there. The trap for the focus is the browser's.
 */

import { focused, h } from "./dom.js";

/**
 * @typedef {object} Options
 * @property {Node} root Where the dialog is put.
 * @property {string} id
 * @property {string} title The id of the heading that names it.
 * @property {string} [description] The id of the text that describes it.
 * @property {boolean} [wide]
 * @property {boolean} [alert] It interrupts, and wants an answer.
 * @property {() => boolean} [mayClose] Asked when the user wants to close it.
 * @property {() => void} [closed] It is gone.
 */

/** One dialog, from open to closed. */
export class Modal {
  #options;
  #returnTo = focused();
  #status = h("p", { class: "unseen", role: "status" });
  /** @type {HTMLDialogElement} */
  #dialog;

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
    this.#dialog = /** @type {HTMLDialogElement} */ (
      h("dialog", {
        id: options.id,
        class: options.wide && "wide",
        role: options.alert && "alertdialog",
        "aria-labelledby": options.title,
        "aria-describedby": options.description,
        oncancel: (/** @type {Event} */ event) => {
          event.preventDefault();
          this.requestClose();
        },
        // Browsers let a second Esc close without asking, unless they never see the first.
        onkeydown: (/** @type {KeyboardEvent} */ event) => {
          if (event.key !== "Escape" || event.defaultPrevented) return;
          event.preventDefault();
          event.stopPropagation();
          this.requestClose();
        },
        onclose: (/** @type {Event} */ event) => event.target === this.#dialog && this.#leave(),
      })
    );
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

  get open() {
    return this.#dialog.open;
  }

  /** Read out by screen readers. @param {string} text */
  announce(text) {
    this.#status.textContent = text;
  }

  /** The user wants to close it. */
  requestClose() {
    if (this.#options.mayClose?.() ?? true) this.close();
  }

  /** Closes without asking. */
  close() {
    if (this.#dialog.open) this.#dialog.close();
    // The event comes later; what is shown goes now.
    this.#leave();
  }

  /** Where the focus goes when it closes, instead of where it came from. @param {HTMLElement} element */
  set returnTo(element) {
    this.#returnTo = element;
  }

  #leave() {
    if (!this.#dialog.isConnected && this.#dialog.childElementCount === 0) return;
    this.#dialog.remove();
    this.#dialog.replaceChildren();
    if (this.#returnTo?.isConnected) this.#returnTo.focus();
    this.#options.closed?.();
  }
}
