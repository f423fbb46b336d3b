/**
 * The dialog that revokes a token: the question, the wait, and since when it is refused.
 *
 * The answer of the server comes when every edge refuses the token, so the wait is shown, and
 * told afterwards. It cannot be broken off: the revocation would go on. Where edges learn of it
 * later (`kv` mode), the question says how much later, and the answer until when.
 */

import { banner } from "../shared/banner.js";
import { button } from "../shared/button.js";
import { Refused } from "../shared/api.js";
import { h, setText } from "../shared/dom.js";
import { icon } from "../shared/icons.js";
import { Modal } from "../shared/modal.js";

/**
 * @typedef {object} Options
 * @property {Node} root
 * @property {import("../i18n/language.js").Language} language
 * @property {import("../pkg/form.js").Row} row
 * @property {number} delay How long a revoked token may still be accepted, in seconds.
 * @property {() => Promise<import("../shared/api.js").RevokedToken>} revoke
 * @property {(record: import("../shared/api.js").RevokedToken) => void} onrevoked
 * @property {() => void} onfailed It may have happened, or the token be another's now.
 * @property {() => void} onclosed
 * @property {() => HTMLElement | undefined} returnTo Where the focus goes once the button of the
 *   row is gone.
 */

/** A wait that is shorter than this, in ms, would be told as none. */
const NOTICEABLE = 50;

/** One revocation. */
export class RevokeDialog {
  #options;
  #texts;
  #modal;
  #waiting = false;
  #busy;
  #used;
  #problems = h("div", { class: "banners" });
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
      closed: options.onclosed,
    });
    this.#busy = options.delay > 0 ? texts.busyRecording : texts.busy;
    this.#progress.setAttribute("aria-label", this.#busy);
    const { lastUsedAt } = options.row;
    this.#used =
      lastUsedAt === null ? texts.neverUsed : texts.lastUsed(options.language.dateTime(lastUsedAt));
    this.#note = h("p", { class: "muted" }, this.#used);
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
        // The harmless one: Enter, pressed too soon, keeps the token.
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
    this.#modal.show(
      h("header", { class: "dialog-head" }, h("h2", { id: "revoke-title" }, texts.title(row.name))),
      h(
        "div",
        { class: "dialog-body" },
        this.#problems,
        h(
          "div",
          { id: "revoke-text" },
          h(
            "ul",
            { class: "consequences" },
            [effect, ...texts.consequences].map(([word, sentence]) =>
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

  /** Closes it without asking. */
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
      if (this.#modal.open) this.#show(record, waited);
    } catch (error) {
      this.#setWaiting(false);
      this.#fail(error);
      if (!needsSession(error)) this.#options.onfailed();
    }
  }

  /** @param {boolean} waiting */
  #setWaiting(waiting) {
    this.#waiting = waiting;
    this.#confirm.busy(waiting ? this.#texts.busyTitle : null);
    this.#progress.hidden = !waiting;
    setText(this.#note, waiting ? this.#busy : this.#used);
    this.#keep.hidden = waiting;
    this.#modal.state = waiting ? "waiting" : "asking";
    if (waiting) {
      this.#problems.replaceChildren();
      this.#confirm.element.focus();
      this.#modal.announce(this.#busy);
    }
  }

  /**
   * @param {import("../shared/api.js").RevokedToken} record
   * @param {number} waited In ms.
   */
  #show({ effective_at, effective_by }, waited) {
    const { language, row, returnTo } = this.#options;
    const texts = this.#texts;
    const effective = effective_at ?? effective_by ?? new Date().toISOString();
    const pending = !effective_at && effective_by !== undefined;
    const done = (pending ? texts.pending : texts.done)(language.time(effective));
    // What is still to come took no time yet.
    const took = !pending && waited >= NOTICEABLE && texts.took(language.seconds(waited));
    const close = h(
      "button",
      { id: "revoke-done", type: "button", class: "button", onclick: () => this.#modal.close() },
      texts.close,
    );
    this.#modal.show(
      h(
        "header",
        { class: "dialog-head" },
        h(
          "h2",
          { id: "revoke-title" },
          (pending ? texts.pendingTitle : texts.doneTitle)(row.name),
        ),
      ),
      h(
        "div",
        { class: "dialog-body" },
        h(
          "div",
          { id: "revoke-text", class: "done" },
          h(
            "span",
            { class: "seal", "data-pending": pending },
            icon(pending ? "clock" : "check"),
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
    const heading = returnTo();
    if (heading) this.#modal.returnTo = heading;
    close.focus();
    this.#modal.announce([`${done}.`, took].filter(Boolean).join(" "));
  }

  /** @param {unknown} error */
  #fail(error) {
    if (!this.#modal.open) return;
    const texts = this.#texts;
    const { problems } = this.#options.language.texts;
    // A server that fails may have done it before.
    const unknown = !(error instanceof Refused) || error.problem.status >= 500;
    let why = problems.unknown;
    if (unknown) why = texts.again;
    else if (needsSession(error)) why = problems.session;
    else if (error.problem.status === 404) why = texts.gone;
    const box = banner(
      "danger",
      { id: "revoke-problem", role: "alert" },
      h("strong", {}, unknown ? texts.unconfirmed : texts.failed),
      h("p", {}, why),
    );
    this.#problems.replaceChildren(box);
  }
}

/** @param {unknown} error */
function needsSession(error) {
  return error instanceof Refused && error.needsSession;
}
