/**
 * The dialog that revokes a token: it asks, waits, and says since when every edge rejects it.
 *
 * The server responds once every edge rejects the token, so the dialog shows the wait and then how
 * long it took. The user cannot cancel it: the revocation would continue. In `kv` mode, edges learn
 * of it later: the dialog says how long that takes at most, and afterwards until when the token may
 * still be accepted.
 */

import { banner } from "../shared/banner.js";
import { button } from "../shared/button.js";
import { ServerError } from "../shared/api.js";
import { h, setText } from "../shared/dom.js";
import { explain } from "../shared/explain.js";
import { icon } from "../shared/icons.js";
import { Modal } from "../shared/modal.js";
import { sentence } from "../shared/names.js";

/**
 * @typedef {object} Options
 * @property {Node} root
 * @property {import("../i18n/language.js").Language} language
 * @property {Pick<import("../pkg/form.js").TokenRow, "id" | "name" | "lastUsedAt">} row
 * @property {number} delay How long a revoked token may still be accepted, in seconds.
 * @property {() => Promise<import("../shared/api.js").RevokedToken>} revoke
 * @property {(record: import("../shared/api.js").RevokedToken) => void} onrevoked
 * @property {() => void} onfailed The token may be revoked, or no longer the user's.
 * @property {() => void} onclosed
 * @property {() => HTMLElement | undefined} focusAfterwards What gets the focus, as the row's button
 *   is gone.
 */

/** Shorter waits are not worth mentioning, in ms. */
const NOTICEABLE = 50;

/** The dialog for one revocation. */
export class RevokeDialog {
  #options;
  #texts;
  #modal;
  #waiting = false;
  #waitText;
  #lastUsedText;
  #banners = h("div", { class: "banners" });
  #progress = h("div", { class: "progress", role: "progressbar", hidden: true });
  #note;
  #confirm;
  #keep;

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
    const texts = options.language.texts.revoke;
    this.#texts = texts;
    this.#modal = new Modal({
      root: options.root,
      id: "revoke-dialog",
      title: "revoke-title",
      description: "revoke-text",
      alert: true,
      mayClose: () => !this.#waiting,
      onclosed: options.onclosed,
    });
    this.#waitText = options.delay > 0 ? texts.busyRecording : texts.busy;
    this.#progress.setAttribute("aria-label", this.#waitText);
    const { lastUsedAt } = options.row;
    this.#lastUsedText =
      lastUsedAt === null ? texts.neverUsed : texts.lastUsed(options.language.dateTime(lastUsedAt));
    this.#note = h("p", { class: "muted" }, this.#lastUsedText);
    this.#confirm = button(texts.confirm, {
      id: "revoke-confirm",
      class: "button danger",
      onclick: () => this.#revoke(),
    });
    this.#keep = h(
      "button",
      {
        id: "revoke-keep",
        type: "button",
        class: "button",
        // If the user presses Enter too early, nothing happens to the token.
        autofocus: true,
        onclick: () => this.#modal.requestClose(),
      },
      texts.keep,
    );
  }

  open() {
    const { delay, language, row } = this.#options;
    const texts = this.#texts;
    const effect = delay > 0 ? texts.delayed(language.duration(delay)) : texts.immediate;
    const consequences = [effect, ...texts.consequences];
    this.#modal.show(
      head(texts.title, row.name),
      h(
        "div",
        { class: "dialog-body" },
        this.#banners,
        h(
          "div",
          { id: "revoke-text" },
          h(
            "ul",
            { class: "consequences" },
            consequences.map(([word, sentence]) =>
              h("li", {}, h("strong", {}, word), ` ${sentence}`),
            ),
          ),
          this.#note,
        ),
        this.#progress,
      ),
      h("footer", { class: "dialog-foot" }, this.#keep, this.#confirm.element),
    );
    this.#modal.state = "asking";
  }

  /** Closes the dialog without asking. */
  close() {
    this.#modal.close();
  }

  async #revoke() {
    this.#setWaiting(true);
    const start = performance.now();
    try {
      const record = await this.#options.revoke();
      const waited = record.waited_ms ?? performance.now() - start;
      this.#options.onrevoked(record);
      this.#setWaiting(false);
      if (this.#modal.isOpen) this.#showRevoked(record, waited);
    } catch (error) {
      this.#setWaiting(false);
      this.#fail(error);
      const needsSession = error instanceof ServerError && error.needsSession;
      if (!needsSession) this.#options.onfailed();
    }
  }

  /** @param {boolean} waiting */
  #setWaiting(waiting) {
    this.#waiting = waiting;
    this.#confirm.setBusy(waiting ? this.#texts.busyTitle : null);
    this.#progress.hidden = !waiting;
    setText(this.#note, waiting ? this.#waitText : this.#lastUsedText);
    this.#keep.hidden = waiting;
    this.#modal.state = waiting ? "waiting" : "asking";
    if (waiting) {
      this.#banners.replaceChildren();
      this.#confirm.element.focus();
      this.#modal.announce(this.#waitText);
    }
  }

  /**
   * @param {import("../shared/api.js").RevokedToken} record
   * @param {number} waited In ms.
   */
  #showRevoked({ effective_at, effective_by }, waited) {
    const { language, row, focusAfterwards } = this.#options;
    const texts = this.#texts;
    const effective = effective_at ?? effective_by ?? new Date().toISOString();
    const isPending = !effective_at && effective_by !== undefined;
    const title = isPending ? texts.pendingTitle : texts.doneTitle;
    const done = (isPending ? texts.pending : texts.done)(language.time(effective));
    const took = !isPending && waited >= NOTICEABLE && texts.took(language.seconds(waited));
    const close = h(
      "button",
      { id: "revoke-done", type: "button", class: "button", onclick: () => this.#modal.close() },
      texts.close,
    );
    this.#modal.show(
      head(title, row.name),
      h(
        "div",
        { class: "dialog-body" },
        h(
          "div",
          { id: "revoke-text", class: "done" },
          h(
            "span",
            { class: "seal", "data-pending": isPending },
            icon(isPending ? "clock" : "check"),
          ),
          h(
            "div",
            {},
            h(
              "p",
              { class: "numbers" },
              h(
                "strong",
                {},
                h("time", { datetime: effective, title: language.exact(effective) }, done),
              ),
            ),
            took && h("p", { class: "muted numbers" }, took),
          ),
        ),
      ),
      h("footer", { class: "dialog-foot" }, close),
    );
    this.#modal.state = "revoked";
    const heading = focusAfterwards();
    if (heading) this.#modal.returnFocusTo = heading;
    close.focus();
    this.#modal.announce([`${done}.`, took].filter(Boolean).join(" "));
  }

  /** @param {unknown} error */
  #fail(error) {
    if (!this.#modal.isOpen) return;
    const texts = this.#texts;
    // The server may have revoked the token before it failed.
    const isUnknown = !(error instanceof ServerError) || error.problem.status >= 500;
    let why = explain(error, this.#options.language);
    if (isUnknown) why = texts.again;
    else if (error.problem.status === 404) why = texts.gone;
    const box = banner(
      "danger",
      { id: "revoke-problem", role: "alert" },
      h("strong", {}, isUnknown ? texts.unconfirmed : texts.failed),
      h("p", {}, why),
    );
    this.#banners.replaceChildren(box);
  }
}

/**
 * @param {(name: string) => string} title
 * @param {string} name
 */
function head(title, name) {
  const heading = h("h2", { id: "revoke-title" }, ...sentence(title, name));
  return h("header", { class: "dialog-head" }, heading);
}
