/**
 * Signing in, on a page or in a dialog: by the providers of the installation, by Cloudflare Access, or
 * in development as anyone.
 *
 * A provider is another site, so on the page its buttons are links that lead away. A dialog must not
 * lead away, because the user's entries would be lost: there a provider opens in a window of its own,
 * which tells this one when the user is back.
 */

import { h, setChildren } from "../shared/dom.js";
import { explain } from "../shared/explain.js";
import { logo } from "../shared/icons.js";
import { Modal } from "../shared/modal.js";
import { named, VERBATIM } from "../shared/names.js";
import { elsewhereBanner } from "./elsewhere.js";
import { messageView } from "./message.js";
import { addressOf } from "./mount.js";
import { languageSwitch } from "./shell.js";

/** @typedef {import("../shared/api.js").Me} Me */
/** @typedef {import("../shared/api.js").Api} Api */
/** @typedef {import("../shared/api.js").Fronts} Fronts */
/** @typedef {import("../i18n/language.js").Language} Language */

/**
 * The development users: those of src/origin/sign_in/development_users.rs.
 *
 * @type {[id: string, name: string][]}
 */
const USERS = [
  ["ada", "Ada Lovelace"],
  ["vic", "Vic Viewer"],
  ["otto", "Otto Operator"],
];

/** The name of Cloudflare Access among the providers. */
const ACCESS = "access";

/** Carries a message from the window of a provider, within this installation. */
const CHANNEL = `patrol-signed-in ${addressOf("")}`;

/** The address that a provider's window ends at. */
export const doneAddress = () => `${addressOf("sign-in")}?done`;

/**
 * @param {object} options
 * @param {Language} options.language
 * @param {Api} options.api
 * @param {string} options.next Where to go after signing in: the address of a view.
 * @param {(me: Me) => void} options.onsignin
 * @param {(code: string) => void} options.onlanguage
 * @returns {import("./main.js").View}
 */
export function signInView({ language, api, next, onsignin, onlanguage }) {
  const texts = language.texts.signIn;
  const choices = fronts(language, api, onsignin, (name, label) =>
    choice(
      h("a", { href: api.signInAddress(name, next), target: "_self", "data-provider": name }),
      label,
    ),
  );
  const element = h(
    "main",
    { class: "alone" },
    h(
      "div",
      { class: "sign-in" },
      h("div", { ...VERBATIM, class: "brand notranslate" }, logo(), "Patrol"),
      h("h1", {}, texts.title),
      elsewhereBanner(language),
      choices,
    ),
    languageSwitch(language, onlanguage),
  );
  return { title: texts.title, element };
}

/**
 * The view in a provider's window, once the user is signed in.
 *
 * @param {Language} language
 */
export function signedInView(language) {
  const { shell, signIn: texts } = language.texts;
  new BroadcastChannel(CHANNEL).postMessage("signed in");
  const toHome = h("a", { class: "button", href: addressOf("") }, shell.toHome);
  return messageView(texts.done, texts.doneLead, toHome, true);
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
    const channel = new BroadcastChannel(CHANNEL);
    const modal = new Modal({
      root: document.body,
      id: "sign-in-dialog",
      title: "sign-in-title",
      description: "sign-in-text",
      onclosed: () => {
        channel.close();
        resolve(signedIn);
      },
    });
    const onsignin = (/** @type {Me} */ me) => {
      signedIn = me;
      modal.close();
    };
    const problem = h("p", { class: "error", role: "alert" });
    channel.addEventListener("message", async () => {
      try {
        onsignin(await api.me());
      } catch (error) {
        problem.textContent = `${texts.failed} ${explain(error, language)}`;
      }
    });
    const choices = fronts(language, api, onsignin, (name, label) => {
      const address = api.signInAddress(name, doneAddress());
      return choice(
        h("a", { href: address, target: "_blank", "data-provider": name }),
        label,
        texts.window,
      );
    });
    modal.show(
      h("header", { class: "dialog-head" }, h("h2", { id: "sign-in-title" }, texts.again)),
      h(
        "div",
        { class: "dialog-body" },
        h("p", { id: "sign-in-text" }, texts.againLead),
        choices,
        problem,
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
 * The ways to sign in, once the server has named them.
 *
 * @param {Language} language
 * @param {Api} api
 * @param {(me: Me) => void} onsignin
 * @param {(name: string, label: string) => HTMLElement} link Leads to a provider.
 */
function fronts(language, api, onsignin, link) {
  const texts = language.texts.signIn;
  const element = h("div", { class: "users" });
  const load = async () => {
    try {
      const { providers, access, development } = await api.fronts();
      const all = [
        ...providers.map(({ name, label }) => link(name, label)),
        ...(access ? [link(ACCESS, texts.access)] : []),
      ];
      setChildren(
        element,
        all.length > 0 && h("p", { class: "muted" }, texts.lead),
        all.length > 0 &&
          h(
            "ul",
            {},
            all.map((one) => h("li", {}, one)),
          ),
        development && h("p", { class: "muted" }, texts.development),
        development && users(language, api, onsignin),
        all.length === 0 && !development && h("p", { class: "error" }, texts.none),
      );
    } catch (error) {
      setChildren(
        element,
        h("p", { class: "error", role: "alert" }, explain(error, language)),
        h(
          "button",
          { type: "button", class: "button", onclick: load },
          language.texts.tokens.retry,
        ),
      );
    }
  };
  load();
  return element;
}

/**
 * @param {HTMLElement} element
 * @param {string} label
 * @param {string} [detail]
 */
function choice(element, label, detail) {
  element.classList.add("user-choice");
  element.append(h("span", { class: "user-name" }, named(label)));
  if (detail) element.append(h("span", { class: "muted" }, detail));
  return element;
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
      problem.textContent = `${texts.failed} ${explain(error, language)}`;
    }
    isBusy = false;
  };
  const choices = USERS.map(([id, name]) => {
    const element = h("button", { type: "button", "data-user": id, onclick: () => signIn(id) });
    return h("li", {}, choice(element, name, texts.users[id]));
  });
  return h("div", {}, h("ul", {}, choices), problem);
}
