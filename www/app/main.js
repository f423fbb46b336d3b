/**
 * Our own page: which view an address shows, who is signed in, in which language.
 *
 * Signed out, every address leads to the sign-in page and back. When a session ends while
 * somebody works, the sign-in comes to them as a dialog instead, and nothing is lost.
 */

import { Api, Refused } from "../shared/api.js";
import { h } from "../shared/dom.js";
import { choose, Language, preferred } from "../i18n/language.js";
import { PatrolTokens } from "../tokens/element.js";
import { homeView } from "./home.js";
import { messageView } from "./message.js";
import { generalView, securityView } from "./profile.js";
import { Router } from "./router.js";
import { Shell } from "./shell.js";
import { askToSignIn, signInView } from "./sign-in.js";

/** @typedef {import("../shared/api.js").Me} Me */

/**
 * What every view gets.
 *
 * @typedef {object} Context
 * @property {Language} language
 * @property {Api} api
 * @property {Me} me
 * @property {() => void} signedOut
 */

/**
 * `greet`: somebody else has signed in, without leaving what is open.
 *
 * @typedef {{ title: string, element: HTMLElement, greet?: (me: Me) => void }} View
 */

/** @type {Record<string, (context: Context) => View>} */
const VIEWS = {
  "/": homeView,
  "/profile": generalView,
  "/profile/security": securityView,
};

const SIGN_IN = "/sign-in";

const api = new Api();
const app = document.querySelector("#app") ?? document.body;
let language = new Language(preferred());
/** @type {Me | null} */
let me = null;
/** @type {Shell | null} */
let shell = null;
/** What the shell shows. @type {View | null} */
let view = null;

const router = new Router({
  show: () => show(),
  mayLeave: () => {
    const tokens = document.querySelector("patrol-tokens");
    return !(tokens instanceof PatrolTokens) || tokens.mayLeave();
  },
});

addEventListener("patrol-session-required", (event) => {
  const { waitFor } = /** @type {CustomEvent} */ (event).detail;
  waitFor(signInAgain());
});

document.documentElement.lang = language.code;
await start();

async function start() {
  try {
    me = await api.me();
  } catch (error) {
    if (!(error instanceof Refused && error.needsSession)) {
      showFailure(error);
      return;
    }
  }
  show();
}

/** Shows what the address says. */
function show() {
  const { path } = router;
  if (path === SIGN_IN) {
    if (me) router.replace(wanted());
    else showAlone(signInView({ language, api, onsignin: signedIn, onlanguage: speak }));
    return;
  }
  if (!me) {
    router.replace(`${SIGN_IN}?next=${encodeURIComponent(path)}`);
    return;
  }
  const context = { language, api, me, signedOut };
  const make = VIEWS[path] ?? notFound;
  view = make(context);
  const isNew = shell === null;
  shell ??= new Shell({ language, me, onlanguage: speak });
  if (isNew) app.replaceChildren(shell.element);
  shell.show(view, path);
  document.title = `${view.title} · Patrol`;
  if (!isNew) shell.focus();
}

/** @param {View} alone */
function showAlone(alone) {
  shell = null;
  view = null;
  app.replaceChildren(alone.element);
  document.title = `${alone.title} · Patrol`;
}

/** @param {Context} context */
function notFound({ language: { texts } }) {
  return messageView(
    texts.shell.notFound,
    texts.shell.notFoundDetail,
    h("a", { class: "button", href: "/" }, texts.shell.toHome),
  );
}

/** @param {unknown} error */
function showFailure(error) {
  const { problems, tokens } = language.texts;
  const why = error instanceof Refused ? problems.unknown : problems.unreachable;
  const retry = () => location.reload();
  const again = h("button", { type: "button", class: "button", onclick: retry }, tokens.retry);
  showAlone(messageView(language.texts.shell.failed, why, again, true));
}

/** Where to after signing in: an address of this page, and nothing else. */
function wanted() {
  const next = router.query("next") ?? "/";
  return next in VIEWS ? next : "/";
}

/** @param {Me} account */
function signedIn(account) {
  me = account;
  router.replace(wanted());
}

/** @returns {Promise<boolean>} */
async function signInAgain() {
  // Nobody was: the page itself is on the way to the sign-in.
  if (!me) return false;
  const account = await askToSignIn({ language, api });
  if (!account) return false;
  const other = account.id !== me.id;
  me = account;
  if (other) {
    shell?.greet(account);
    view?.greet?.(account);
  }
  return true;
}

function signedOut() {
  me = null;
  router.go(SIGN_IN);
}

/** @param {string} code */
function speak(code) {
  choose(code);
  language = new Language(code);
  document.documentElement.lang = language.code;
  shell = null;
  show();
  // The switch that was pressed has been built anew.
  const pressed = document.querySelector(`[data-language="${language.code}"]`);
  if (pressed instanceof HTMLElement) pressed.focus();
}
