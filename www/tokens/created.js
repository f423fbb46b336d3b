/**
 * The view that shows a new token once.
 *
 * The token is in two elements of this view and in one variable. `forget` empties all three; the
 * dialog calls it when it closes. The token is never stored or logged.
 */

import { banner } from "../shared/banner.js";
import { copy } from "../shared/copy.js";
import { h, setAttribute, setText } from "../shared/dom.js";
import { icon } from "../shared/icons.js";
import { exampleCommand } from "./example.js";

/** How long a button says "Copied", in ms. */
const FEEDBACK_TIME = 2500;

/**
 * @typedef {object} Options
 * @property {import("../i18n/language.js").Language} language
 * @property {import("../shared/api.js").Api} api
 * @property {import("../shared/api.js").TokenRecord} record
 * @property {string} token
 * @property {(text: string) => void} announce
 * @property {() => void} onclose
 */

/** The view that shows a new token. */
export class CreatedView {
  #token;
  #copied = false;
  #texts;
  #announce;
  #field;
  #example;
  #copyTokenButton;

  /** @param {Options} options */
  constructor({ language, api, record, token, announce, onclose }) {
    const texts = language.texts.created;
    this.#texts = texts;
    this.#announce = announce;
    this.#token = token;
    this.#field = h("input", {
      id: "created-token",
      class: "input mono",
      readonly: true,
      autocomplete: "off",
      spellcheck: "false",
      "aria-describedby": "created-once",
      onfocus: () => this.#field.select(),
      // The user selected and copied text without the button.
      oncopy: () => {
        const { selectionStart, selectionEnd, value } = this.#field;
        this.#noteCopied(value.slice(selectionStart ?? 0, selectionEnd ?? 0));
      },
    });
    this.#field.value = token;
    this.#example = h("code", {}, exampleCommand(api, record, token));
    this.#copyTokenButton = this.#copyButton("copy-token", "primary", texts.copyToken, () =>
      this.#copyToken(),
    );
    this.elements = [
      h("header", { class: "dialog-head" }, h("h2", { id: "created-title" }, texts.title)),
      h(
        "div",
        { class: "dialog-body" },
        h("p", { class: "truncate", title: record.name }, texts.lead(record.name)),
        banner(
          "warning",
          { id: "created-once" },
          h("strong", {}, texts.once),
          h("p", {}, texts.onceDetail),
        ),
        h(
          "div",
          { class: "field" },
          h("label", { class: "label", for: "created-token" }, texts.token),
          h("div", { class: "copyable" }, this.#field, this.#copyTokenButton),
        ),
        h(
          "div",
          { class: "field" },
          h(
            "div",
            { class: "field-head" },
            h("h3", { id: "example-title" }, texts.example),
            this.#copyButton("copy-example", "quiet small", texts.copyExample, () =>
              this.#copyExample(),
            ),
          ),
          h(
            "pre",
            // It scrolls, so keyboard users must be able to focus it.
            {
              id: "example",
              class: "command",
              tabindex: "0",
              role: "region",
              "aria-labelledby": "example-title",
              oncopy: () => this.#noteCopied(this.#selectedText()),
            },
            this.#example,
          ),
        ),
      ),
      h(
        "footer",
        { class: "dialog-foot" },
        h(
          "button",
          { id: "created-done", type: "button", class: "button", onclick: onclose },
          texts.done,
        ),
      ),
    ];
  }

  /** Whether the user has copied the token in any way. */
  get copied() {
    return this.#copied;
  }

  /** Focuses the button that copies the token. */
  focus() {
    this.#copyTokenButton.focus();
  }

  /** Removes the token from the document and from memory. */
  forget() {
    this.#token = "";
    this.#field.value = "";
    this.#field.defaultValue = "";
    this.#example.textContent = "";
  }

  /**
   * @param {string} id
   * @param {string} kind
   * @param {string} name
   * @param {() => Promise<boolean>} onclick
   */
  #copyButton(id, kind, name, onclick) {
    const label = h("span", {}, this.#texts.copy);
    const sign = h("span", { class: "sign" }, icon("copy"));
    let timer = 0;
    const element = h(
      "button",
      {
        id,
        type: "button",
        class: `button copy ${kind}`,
        "aria-label": name,
        onclick: async () => {
          if (!(await onclick())) return;
          label.textContent = this.#texts.copied;
          setAttribute(element, "aria-label", `${this.#texts.copied}. ${name}`);
          sign.replaceChildren(icon("check"));
          element.dataset.state = "copied";
          clearTimeout(timer);
          timer = setTimeout(() => {
            setText(label, this.#texts.copy);
            setAttribute(element, "aria-label", name);
            sign.replaceChildren(icon("copy"));
            delete element.dataset.state;
          }, FEEDBACK_TIME);
        },
      },
      sign,
      label,
    );
    return element;
  }

  async #copyToken() {
    const done = await copy(this.#token);
    if (done) {
      this.#noteCopied(this.#token);
      this.#announce(this.#texts.tokenCopied);
    } else {
      this.#field.focus();
      this.#announce(this.#texts.copyFailed);
    }
    return done;
  }

  async #copyExample() {
    const command = this.#example.textContent ?? "";
    const done = await copy(command);
    if (done) {
      this.#noteCopied(command);
      this.#announce(this.#texts.exampleCopied);
    }
    return done;
  }

  /** Only some browsers have `getSelection` on shadow roots; others do not see into them. */
  #selectedText() {
    const root = /** @type {Document} */ (this.#example.getRootNode());
    return String(root.getSelection?.() ?? getSelection());
  }

  /** Notes a copy of the whole token; a part of it is of no use. @param {string} text */
  #noteCopied(text) {
    this.#copied ||= this.#token !== "" && text.includes(this.#token);
  }
}
