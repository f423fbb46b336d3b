/**
 * The one sight of a new token.
 *
 * The token lives in this view's two fields and in one variable, and `forget` empties all
 * three; whoever shows the view calls it when the dialog closes. Nothing is stored or logged.
 */

import { banner } from "../shared/banner.js";
import { copy } from "../shared/copy.js";
import { h, setAttribute, setText } from "../shared/dom.js";
import { icon } from "../shared/icons.js";
import { exampleCommand } from "./example.js";

/** How long a button says that it has copied, in ms. */
const FEEDBACK = 2500;

/**
 * @typedef {object} Options
 * @property {import("../i18n/language.js").Language} language
 * @property {string} address Where programs find the API.
 * @property {import("../shared/api.js").TokenRecord} record
 * @property {string} token
 * @property {(text: string) => void} announce
 * @property {() => void} onclose
 */

/** The view. */
export class CreatedView {
  #token;
  #copied = false;
  #texts;
  #announce;
  #field;
  #example;

  /** @param {Options} options */
  constructor({ language, address, record, token, announce, onclose }) {
    const texts = language.texts.created;
    this.#texts = texts;
    this.#announce = announce;
    this.#token = token;
    this.#field = /** @type {HTMLInputElement} */ (
      h("input", {
        id: "created-token",
        class: "input mono",
        readonly: true,
        autocomplete: "off",
        spellcheck: "false",
        "aria-describedby": "created-once",
        onfocus: () => this.#field.select(),
        // Marked and copied by hand.
        oncopy: () => {
          const { selectionStart, selectionEnd, value } = this.#field;
          this.#noteCopied(value.slice(selectionStart ?? 0, selectionEnd ?? 0));
        },
      })
    );
    this.#field.value = token;
    this.#example = h("code", {}, exampleCommand(address, record, token));
    this.title = h("h2", { id: "created-title", tabindex: "-1" }, texts.title);
    this.elements = [
      h("header", { class: "dialog-head" }, this.title),
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
          h(
            "div",
            { class: "copyable" },
            this.#field,
            this.#copyButton("copy-token", "primary", texts.copyToken, () => this.#copyToken()),
          ),
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
            // It scrolls, so it has to be reached without a mouse.
            {
              id: "example",
              class: "command",
              tabindex: "0",
              role: "region",
              "aria-labelledby": "example-title",
              oncopy: () => this.#noteCopied(this.#marked()),
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

  /** Has the token been copied, one way or another? */
  get copied() {
    return this.#copied;
  }

  /** Puts the focus where copying is one key away. */
  focus() {
    this.elements[1].querySelector("button")?.focus();
  }

  /** Drops the token. */
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
    let feedback = 0;
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
          clearTimeout(feedback);
          feedback = setTimeout(() => {
            setText(label, this.#texts.copy);
            setAttribute(element, "aria-label", name);
            sign.replaceChildren(icon("copy"));
            delete element.dataset.state;
          }, FEEDBACK);
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

  /** What is marked in the command; nothing where a browser does not tell of a shadow root. */
  #marked() {
    const root = /** @type {Document} */ (this.#example.getRootNode());
    return String(root.getSelection?.() ?? getSelection());
  }

  /** A part of the token is of no use. @param {string} text */
  #noteCopied(text) {
    this.#copied ||= this.#token !== "" && text.includes(this.#token);
  }
}
