/**
 * The shell around every view: a sidebar with the logo, the navigation, the language and, at the
 * bottom, the user's name, which links to the profile.
 */

import { LANGUAGES } from "../i18n/language.js";
import { h, setAttribute, setChildren } from "../shared/dom.js";
import { icon, logo } from "../shared/icons.js";
import { named, VERBATIM } from "../shared/names.js";
import { elsewhereBanner } from "./elsewhere.js";
import { addressOf } from "./mount.js";

/** @typedef {import("../shared/api.js").Me} Me */

/**
 * @typedef {object} Options
 * @property {import("../i18n/language.js").Language} language
 * @property {Me} me
 * @property {(code: string) => void} onlanguage
 */

/** The sidebar and the space for a view. */
export class Shell {
  #language;
  #texts;
  #links;
  #user = h("a", { id: "user", class: "user", href: addressOf("profile") });
  #main = h("main", { id: "content", tabindex: "-1" });

  /** @param {Options} options */
  constructor({ language, me, onlanguage }) {
    const texts = language.texts.shell;
    this.#language = language;
    this.#texts = texts;
    this.#links = [
      h("a", { class: "nav-link", href: addressOf("") }, icon("home"), h("span", {}, texts.home)),
    ];
    this.setUser(me);
    this.element = h(
      "div",
      { class: "shell" },
      h("a", { class: "skip button", href: "#content" }, texts.skip),
      h(
        "header",
        { class: "sidebar" },
        h("a", { class: "brand", href: addressOf("") }, logo(), h("span", VERBATIM, "Patrol")),
        h("nav", { "aria-label": texts.navigation }, this.#links),
        h(
          "div",
          { class: "sidebar-foot" },
          languageSwitch(language, onlanguage),
          h("nav", { "aria-label": texts.account }, this.#user),
        ),
      ),
      this.#main,
    );
  }

  /** @param {Me} me */
  setUser(me) {
    const initials = me.name
      .split(/\s+/)
      .map((word) => [...word][0])
      .slice(0, 2)
      .join("")
      .toUpperCase();
    this.#user.replaceChildren(
      h("span", { ...VERBATIM, class: "avatar notranslate", "aria-hidden": "true" }, initials),
      h(
        "span",
        { class: "user-text" },
        h("span", { class: "truncate", title: me.name }, named(me.name)),
        // Not every provider has names.
        me.email !== me.name &&
          h("span", { class: "truncate second", title: me.email }, named(me.email)),
      ),
      h("span", { class: "unseen" }, this.#texts.profile),
    );
  }

  /**
   * @param {{ element: HTMLElement }} view
   * @param {string} path
   */
  show(view, path) {
    setChildren(this.#main, elsewhereBanner(this.#language), view.element);
    for (const link of this.#links) {
      setAttribute(link, "aria-current", link.getAttribute("href") === addressOf(path) && "page");
    }
    setAttribute(this.#user, "aria-current", path.startsWith("profile") && "true");
    scrollTo(0, 0);
  }

  /** Focuses the view's heading, so that screen readers announce the view like a new page. */
  focus() {
    const heading = this.#main.querySelector("h1");
    heading?.setAttribute("tabindex", "-1");
    (heading ?? this.#main).focus();
  }
}

/**
 * @param {import("../i18n/language.js").Language} language
 * @param {(code: string) => void} onlanguage
 * @returns {HTMLElement}
 */
export function languageSwitch(language, onlanguage) {
  return h(
    "div",
    { class: "languages", role: "group", "aria-label": language.texts.shell.languages },
    LANGUAGES.map(({ code, name }) =>
      h(
        "button",
        {
          ...VERBATIM,
          type: "button",
          lang: code,
          "data-language": code,
          "aria-label": `${code.toUpperCase()}, ${name}`,
          title: name,
          "aria-pressed": String(code === language.code),
          onclick: () => onlanguage(code),
        },
        code.toUpperCase(),
      ),
    ),
  );
}
