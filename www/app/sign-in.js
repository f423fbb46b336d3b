/**
 * Sign-in as a development user, on a page or in a dialog.
 *
 * A production platform has its own sign-in and needs neither. The users are those of
 * src/origin/development_users.rs.
 */

import { ServerError } from "../shared/api.js";
import { h } from "../shared/dom.js";
import { explain } from "../shared/explain.js";
import { logo } from "../shared/icons.js";
import { Modal } from "../shared/modal.js";
import { languageSwitch } from "./shell.js";

/** @typedef {import("../shared/api.js").Me} Me */
/** @typedef {import("../shared/api.js").Api} Api */
/** @typedef {import("../i18n/language.js").Language} Language */

/** @type {[id: string, name: string][]} */
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
 * Asks the user to sign in without leaving the view.
 *
 * @param {object} options
 * @param {Language} options.language
 * @param {Api} options.api
 * @returns {Promise<Me | null>} null if the user closed the dialog.
 */
export function showSignInDialog({ language, api }) {
  const texts = language.texts.signIn;
  return new Promise((resolve) => {
    /** @type {Me | null} */
    let signedIn = null;
    const modal = new Modal({
      root: document.body,
      id: "sign-in-dialog",
      title: "sign-in-title",
      description: "sign-in-text",
      onclosed: () => resolve(signedIn),
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
  let isBusy = false;
  const signIn = async (/** @type {string} */ id) => {
    if (isBusy) return;
    isBusy = true;
    problem.textContent = "";
    try {
      onsignin(await api.signIn(id));
    } catch (error) {
      const isOff = error instanceof ServerError && error.problem.status === 404;
      const why = isOff ? texts.switchedOff : explain(error, language);
      problem.textContent = `${texts.failed} ${why}`;
    }
    isBusy = false;
  };
  const choices = USERS.map(([id, name]) =>
    h(
      "li",
      {},
      h(
        "button",
        { type: "button", class: "user-choice", "data-user": id, onclick: () => signIn(id) },
        h("span", { class: "user-name" }, name),
        h("span", { class: "muted" }, texts.users[id]),
      ),
    ),
  );
  return h("div", { class: "users" }, h("ul", {}, choices), problem);
}
