/**
 * Profile Settings: one view for each tab, with an address of its own. The tabs are links, so
 * they are a navigation, and not what ARIA calls tabs.
 */

import { button } from "../shared/button.js";
import { h, setText } from "../shared/dom.js";

/** @typedef {import("./main.js").Context} Context */
/** @typedef {import("./main.js").View} View */

/**
 * The tab General: the account as the platform knows it.
 *
 * @param {Context} context
 * @returns {View}
 */
export function generalView(context) {
  const { language, me } = context;
  const texts = language.texts.profile;
  const facts = [
    [texts.name, me.name],
    [texts.email, me.email],
    [texts.id, h("code", {}, me.id)],
  ];
  return tab(
    context,
    "/profile",
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
            h("span", {}, name),
            h("code", {}, id),
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
 * The tab Security: the session, and at the bottom the tokens.
 *
 * @param {Context} context
 * @returns {View}
 */
export function securityView(context) {
  const { language, api, me, signedOut } = context;
  const texts = language.texts.profile;
  const failed = h("p", { class: "error", role: "alert" });
  const signOut = button(texts.signOut, {
    id: "sign-out",
    class: "button",
    onclick: async () => {
      signOut.busy(texts.signOut);
      failed.textContent = "";
      try {
        await api.signOut();
        signedOut();
      } catch {
        signOut.busy(null);
        failed.textContent = texts.signOutFailed;
      }
    },
  });
  const who = h("span", {}, texts.signedInAs(me.email));
  const view = tab(
    context,
    "/profile/security",
    texts.security,
    card("session", texts.session, who, signOut.element, failed),
    h("patrol-tokens", { lang: language.code }),
  );
  return { ...view, greet: ({ email }) => setText(who, texts.signedInAs(email)) };
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
  const tabs = [
    ["/profile", texts.general],
    ["/profile/security", texts.security],
  ];
  const element = h(
    "div",
    { class: "view" },
    h("header", { class: "view-head" }, h("h1", {}, texts.title)),
    h(
      "nav",
      { class: "tabs", "aria-label": texts.tabs },
      tabs.map(([href, name]) => h("a", { href, "aria-current": href === path && "page" }, name)),
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
 * The account has names of roles; their labels are in the policy, which the page does not see.
 *
 * @param {string} role
 * @param {import("../i18n/language.js").Language} language
 */
function roleLabel(role, language) {
  return language.policy(role.charAt(0).toUpperCase() + role.slice(1));
}
