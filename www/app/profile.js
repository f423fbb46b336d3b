/**
 * Profile Settings: one view for each tab, each with its own address. The tabs are links, so they
 * are a navigation and not ARIA tabs.
 */

import { button } from "../shared/button.js";
import { h, setChildren } from "../shared/dom.js";
import { explain } from "../shared/explain.js";
import { named, sentence, VERBATIM } from "../shared/names.js";
import { addressOf } from "./mount.js";
import { activityCard, sessionsCard } from "./sessions.js";

/** @typedef {import("./main.js").Context} Context */
/** @typedef {import("./main.js").View} View */

/**
 * The tab General: the user's account and organizations.
 *
 * @param {Context} context
 * @returns {View}
 */
export function generalView(context) {
  const { language, me } = context;
  const texts = language.texts.profile;
  const facts = [
    [texts.name, named(me.name)],
    [texts.email, named(me.email)],
    [texts.id, h("code", VERBATIM, me.id)],
  ];
  return tab(
    context,
    "profile",
    texts.general,
    card(
      "account",
      texts.account,
      undefined,
      h(
        "dl",
        { class: "facts" },
        facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
      ),
    ),
    card(
      "organizations",
      texts.organizations,
      texts.organizationsLead,
      h(
        "ul",
        { class: "rows" },
        me.organizations.map(({ id, name, roles }) =>
          h(
            "li",
            {},
            named(name),
            h("code", VERBATIM, id),
            h(
              "span",
              { class: "muted" },
              language.list(roles.map((role) => roleLabel(role, language))),
            ),
          ),
        ),
      ),
    ),
  );
}

/**
 * The tab Security: the sessions, what was done, and the tokens at the bottom.
 *
 * @param {Context} context
 * @returns {View}
 */
export function securityView(context) {
  const { language, api, me, onsignout } = context;
  const texts = language.texts.profile;
  const failed = h("p", { class: "error", role: "alert" });
  let user = me;
  const signedInAs = () => sentence(texts.signedInAs, user.email || user.name);
  const shown = h("span", {}, signedInAs());
  const signOut = button(texts.signOut, {
    id: "sign-out",
    class: "button",
    onclick: async () => {
      signOut.setBusy(texts.signOut);
      failed.textContent = "";
      try {
        const { next } = await api.signOut(user);
        if (next === null) onsignout();
        else location.assign(next);
      } catch (error) {
        signOut.setBusy(null);
        failed.textContent = `${texts.signOutFailed} ${explain(error, language)}`;
      }
    },
  });
  const sessions = sessionsCard(context, () => user);
  const activity = activityCard(context);
  const view = tab(
    context,
    "profile/security",
    texts.security,
    card("session", texts.session, shown, signOut.element, failed),
    sessions.element,
    activity.element,
    h("patrol-tokens", { lang: language.code }),
  );
  return {
    ...view,
    setUser: (other) => {
      user = other;
      setChildren(shown, signedInAs());
      sessions.reload();
      activity.reload();
    },
  };
}

/**
 * @param {Context} context
 * @param {string} path
 * @param {string} title
 * @param {...Node} content
 * @returns {View}
 */
function tab({ language }, path, title, ...content) {
  const texts = language.texts.profile;
  /** @type {[view: string, name: string][]} */
  const tabs = [
    ["profile", texts.general],
    ["profile/security", texts.security],
  ];
  const element = h(
    "div",
    { class: "view" },
    h("header", { class: "view-head" }, h("h1", {}, texts.title)),
    h(
      "nav",
      { class: "tabs", "aria-label": texts.tabs },
      tabs.map(([view, name]) =>
        h("a", { href: addressOf(view), "aria-current": view === path && "page" }, name),
      ),
    ),
    content,
  );
  return { title: `${title} · ${texts.title}`, element };
}

/**
 * @param {string} id
 * @param {string} title
 * @param {string | Node | undefined} lead
 * @param {...Node} content
 */
function card(id, title, lead, ...content) {
  return h(
    "section",
    { class: "card", id, "aria-labelledby": `${id}-title` },
    h(
      "div",
      { class: "card-head" },
      h("h2", { id: `${id}-title` }, title),
      lead && h("p", { class: "muted" }, lead),
    ),
    content,
  );
}

/**
 * A role's label. The API only returns its name; in the default policy, the label is the capitalized
 * name.
 *
 * @param {string} role
 * @param {import("../i18n/language.js").Language} language
 */
function roleLabel(role, language) {
  return language.policy(role.charAt(0).toUpperCase() + role.slice(1));
}
