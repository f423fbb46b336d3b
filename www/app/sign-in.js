/**
 * Sign-in of the development users, as a page and as a dialog.
 *
 * A real installation has a sign-in of its own and needs neither. The users are those of
 * src/origin/directory.rs; one that is not there any more is refused by the origin.
 */

import { Refused } from "../shared/api.js";
import { h } from "../shared/dom.js";
import { logo } from "../shared/icons.js";
import { Modal } from "../shared/modal.js";
import { languageSwitch } from "./shell.js";

/** @typedef {import("../shared/api.js").Me} Me */
/** @typedef {import("../shared/api.js").Api} Api */
/** @typedef {import("../i18n/language.js").Language} Language */

/** Id and name. */
const USERS = [
  ["ada", "Ada Lovelace"],
  ["vic", "Vic Viewer"],
  ["otto", "Otto Operator"],
];

/**
 * @param {object} options
 * @param {Language} options.language
 * @param {Api} options.api
 * @param {(me: Me) => void} options.onsignin
 * @param {(code: string) => void} options.onlanguage
 * @returns {import("./main.js").View}
 */
export function signInView({ language, api, onsignin, onlanguage }) {
  const texts = language.texts.signIn;
  const element = h(
    "main",
    { class: "alone" },
    h(
      "div",
      { class: "sign-in" },
      h("div", { class: "brand" }, logo(), "Patrol"),
      h("h1", {}, texts.title),
      h("p", { class: "muted" }, texts.lead),
      users(language, api, onsignin),
    ),
    languageSwitch(language, onlanguage),
  );
  return { title: texts.title, element };
}

/**
 * Signs in without leaving what is open.
 *
 * @param {object} options
 * @param {Language} options.language
 * @param {Api} options.api
 * @returns {Promise<Me | null>} null: the user did not want to.
 */
export function askToSignIn({ language, api }) {
  const texts = language.texts.signIn;
  return new Promise((resolve) => {
    /** @type {Me | null} */
    let signedIn = null;
    const modal = new Modal({
      root: document.body,
      id: "sign-in-dialog",
      title: "sign-in-title",
      description: "sign-in-text",
      closed: () => resolve(signedIn),
    });
    const onsignin = (/** @type {Me} */ me) => {
      signedIn = me;
      modal.close();
    };
    modal.show(
      h("header", { class: "dialog-head" }, h("h2", { id: "sign-in-title" }, texts.again)),
      h(
        "div",
        { class: "dialog-body" },
        h("p", { id: "sign-in-text" }, texts.againLead),
        users(language, api, onsignin),
      ),
      h(
        "footer",
        { class: "dialog-foot" },
        h(
          "button",
          { type: "button", class: "button", onclick: () => modal.requestClose() },
          texts.cancel,
        ),
      ),
    );
  });
}

/**
 * @param {Language} language
 * @param {Api} api
 * @param {(me: Me) => void} onsignin
 */
function users(language, api, onsignin) {
  const texts = language.texts.signIn;
  const problem = h("p", { class: "error", role: "alert" });
  let busy = false;
  const choose = async (/** @type {string} */ id) => {
    if (busy) return;
    busy = true;
    problem.textContent = "";
    try {
      onsignin(await api.signIn(id));
    } catch (error) {
      const off = error instanceof Refused && error.problem.status === 404;
      problem.textContent = off ? texts.switchedOff : texts.failed;
    }
    busy = false;
  };
  const choices = USERS.map(([id, name]) =>
    h(
      "li",
      {},
      h(
        "button",
        { type: "button", class: "user-choice", "data-user": id, onclick: () => choose(id) },
        h("span", { class: "user-name" }, name),
        h("span", { class: "muted" }, texts.users[id]),
      ),
    ),
  );
  return h("div", { class: "users" }, h("ul", {}, choices), problem);
}
