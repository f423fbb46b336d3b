/**
 * Our own page: the view for each address, the signed-in user and the language.
 *
 * If the user is signed out, every address leads to the sign-in page and back. If the session
 * expires while the user works, a dialog asks to sign in, and nothing is lost.
 */

import { Api, ServerError } from "../shared/api.js";
import { h } from "../shared/dom.js";
import { explain } from "../shared/explain.js";
import { Language, preferredLanguage, rememberLanguage } from "../i18n/language.js";
import { PatrolTokens } from "../tokens/element.js";
import { elsewhereBanner } from "./elsewhere.js";
import { homeView } from "./home.js";
import { messageView } from "./message.js";
import { addressOf } from "./mount.js";
import { generalView, securityView } from "./profile.js";
import { Router } from "./router.js";
import { Shell } from "./shell.js";
import { doneAddress, showSignInDialog, signedInView, signInView } from "./sign-in.js";

/** @typedef {import("../shared/api.js").Me} Me */

/**
 * @typedef {object} Context
 * @property {Language} language
 * @property {Api} api
 * @property {Me} me
 * @property {() => void} onsignout
 */

/**
 * `setUser` is called if another user signs in without leaving the view.
 *
 * @typedef {{ title: string, element: HTMLElement, setUser?: (me: Me) => void }} View
 */

/** By their paths below the page's folder. @type {Record<string, (context: Context) => View>} */
const VIEWS = {
  "": homeView,
  profile: generalView,
  "profile/security": securityView,
};

const SIGN_IN = "sign-in";

const handlers = { onsignin: signedIn, onlanguage: setLanguage };

const api = new Api();
const app = document.querySelector("#app") ?? document.body;
let language = new Language(preferredLanguage());
/** @type {Me | null} */
let me = null;
/** @type {Shell | null} */
let shell = null;
/** The view in the shell. @type {View | null} */
let view = null;

const router = new Router({
  show: () => show(),
  mayLeave: () => {
    const tokens = document.querySelector("patrol-tokens");
    return !(tokens instanceof PatrolTokens) || tokens.mayLeave();
  },
});

addEventListener("patrol-session-required", (event) => {
  /** @type {CustomEvent<{ waitFor: (signedIn: Promise<boolean>) => void }>} */ (
    event
  ).detail.waitFor(signInAgain());
});

addEventListener("patrol-user-changed", async () => {
  try {
    setUser(await api.me());
  } catch {
    // The next request says what is wrong.
  }
});

document.documentElement.lang = language.code;
await start();

async function start() {
  try {
    me = await api.me();
  } catch (error) {
    if (!(error instanceof ServerError && error.needsSession)) {
      showFailure(error);
      return;
    }
  }
  show();
}

/** Shows the view for the address. */
function show() {
  const path = router.view;
  if (path === SIGN_IN) {
    if (me && router.query("done") !== null) showAlone(signedInView(language));
    else if (me) router.replace(nextView());
    else showAlone(signInView({ language, api, next: nextAddress(), ...handlers }));
    return;
  }
  if (!me) {
    router.replace(`${SIGN_IN}?next=${encodeURIComponent(path)}`);
    return;
  }
  const createView = VIEWS[path] ?? notFoundView;
  view = createView({ language, api, me, onsignout: signedOut });
  const isNew = shell === null;
  shell ??= new Shell({ language, me, onlanguage: setLanguage });
  if (isNew) app.replaceChildren(shell.element);
  shell.show(view, path);
  document.title = `${view.title} · Patrol`;
  if (!isNew) shell.focus();
}

/** Shows a view without the shell. @param {View} alone */
function showAlone(alone) {
  shell = null;
  view = null;
  app.replaceChildren(alone.element);
  document.title = `${alone.title} · Patrol`;
}

/** @param {Context} context */
function notFoundView({ language: { texts } }) {
  return messageView(
    texts.shell.notFound,
    texts.shell.notFoundDetail,
    h("a", { class: "button", href: addressOf("") }, texts.shell.toHome),
  );
}

/** @param {unknown} error */
function showFailure(error) {
  const { shell: texts, tokens } = language.texts;
  const reload = () => location.reload();
  const retry = h("button", { type: "button", class: "button", onclick: reload }, tokens.retry);
  const notice = elsewhereBanner(language);
  showAlone(messageView(texts.failed, explain(error, language), retry, true, notice));
}

/** Where to go after signing in. Only our own views, or `next` would be an open redirect. */
function nextView() {
  const next = router.query("next") ?? "";
  return Object.hasOwn(VIEWS, next) ? next : "";
}

/** The address of that. A provider's window tells the other one when the user is back. */
function nextAddress() {
  return router.query("done") === null ? addressOf(nextView()) : doneAddress();
}

/** @param {Me} account */
function signedIn(account) {
  me = account;
  router.replace(nextView());
}

/** @returns {Promise<boolean>} */
async function signInAgain() {
  // Already signed out: the page is about to show the sign-in page.
  if (!me) return false;
  const account = await showSignInDialog({ language, api });
  if (!account) return false;
  setUser(account);
  return true;
}

/** @param {Me} account */
function setUser(account) {
  const isOther = account.id !== me?.id;
  me = account;
  if (isOther) {
    shell?.setUser(account);
    view?.setUser?.(account);
  }
}

function signedOut() {
  me = null;
  router.go(SIGN_IN);
}

/** @param {string} code */
function setLanguage(code) {
  rememberLanguage(code);
  language = new Language(code);
  document.documentElement.lang = language.code;
  shell = null;
  show();
  // The button that had the focus has been replaced.
  const button = document.querySelector(`[data-language="${language.code}"]`);
  if (button instanceof HTMLElement) button.focus();
}
