/**
 * Where a token may act: boxes for several organizations, or the name of the only one.
 *
 * They are the user's, and after signing in again that may be another one; so they are built
 * anew when they change, and only then.
 */

import { h } from "../shared/dom.js";
import { Field } from "./field.js";

/** @typedef {import("../pkg/form.js").FormView["organizations"]} View */

/** The part of the form. */
export class Organizations {
  #language;
  #onchange;
  #built = "";
  /** @type {Field | null} */
  #field = null;
  /** @type {Map<string, HTMLInputElement>} */
  #boxes = new Map();

  element = h("div");

  /**
   * @param {import("../i18n/language.js").Language} language
   * @param {(id: string, chosen: boolean) => void} onchange
   */
  constructor(language, onchange) {
    this.#language = language;
    this.#onchange = onchange;
  }

  /** Puts the focus on the first one. */
  focus() {
    this.#boxes.values().next().value?.focus();
  }

  /**
   * @param {View} view
   * @param {string | null} error
   */
  draw({ several, choices }, error) {
    const offered = JSON.stringify(choices.map(({ id, name, roles }) => [id, name, roles]));
    if (offered !== this.#built || !this.#field) {
      this.#built = offered;
      this.#field = this.#build(several, choices);
      this.element.replaceChildren(this.#field.element);
    }
    for (const { id, chosen } of choices) {
      const box = this.#boxes.get(id);
      if (box) box.checked = chosen;
    }
    this.#field.draw(error);
  }

  /**
   * @param {boolean} several
   * @param {View["choices"]} choices
   */
  #build(several, choices) {
    const texts = this.#language.texts.create;
    this.#boxes.clear();
    const names = choices.map(({ name }) => name).join(", ");
    const boxes = () => choices.map((choice) => this.#choice(choice));
    return new Field({
      label: texts.organizations,
      hint: several ? texts.organizationsHint : "",
      control: several
        ? h("div", { id: "token-organizations", class: "choices" }, boxes())
        : h("p", { id: "token-organizations" }, names),
      group: several,
    });
  }

  /** @param {View["choices"][number]} choice */
  #choice({ id, name, roles }) {
    const language = this.#language;
    const box = /** @type {HTMLInputElement} */ (
      h("input", {
        type: "checkbox",
        name: "organization",
        value: id,
        autocomplete: "off",
        onchange: () => this.#onchange(id, box.checked),
      })
    );
    this.#boxes.set(id, box);
    const role = language.list(roles.map((role) => language.policy(role)));
    return h(
      "label",
      { class: "choice" },
      box,
      h("span", {}, name),
      h("span", { class: "muted" }, role),
    );
  }
}
