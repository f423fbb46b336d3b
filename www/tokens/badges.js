/**
 * The scopes of a token as badges, colored by group. If there are many, a "+4" button shows the
 * rest.
 */

import { h } from "../shared/dom.js";
import { isolate, VERBATIM } from "../shared/names.js";

/** How many badges stay visible while the rest is collapsed. */
const VISIBLE = 3;

/**
 * @param {import("../pkg/form.js").TokenRow} row
 * @param {import("../i18n/language.js").Language} language
 * @returns {HTMLElement}
 */
export function scopeBadges(row, language) {
  const { texts } = language;
  if (row.unrestricted) {
    return h(
      "span",
      { class: "badge", "data-color": "neutral", title: texts.tokens.fullAccessDetail },
      texts.tokens.fullAccess,
    );
  }
  const items = row.badges.map((badge) => {
    const label = language.policy(badge.label);
    const group = language.policy(badge.group);
    return h(
      "li",
      {},
      h(
        "span",
        {
          ...VERBATIM,
          class: "badge mono notranslate",
          "data-color": badge.color,
          "data-group": badge.group,
          title: group ? `${group}: ${label}` : label,
        },
        badge.name,
      ),
    );
  });
  // The button takes up the space of a badge, so it must replace at least two.
  const rest = items.length > VISIBLE + 1 ? items.slice(VISIBLE) : [];
  const list = h("ul", { class: "badges" }, items);
  if (rest.length === 0) return list;

  const toggle = h("button", { type: "button", class: "badge more" });
  const setOpen = (/** @type {boolean} */ open) => {
    for (const item of rest) item.hidden = !open;
    toggle.setAttribute("aria-expanded", String(open));
    toggle.textContent = open ? texts.tokens.fewerScopes : `+${rest.length}`;
    const label = open
      ? `${texts.tokens.fewerScopes}: ${isolate(row.name)}`
      : `+${rest.length}. ${texts.tokens.moreScopes(rest.length)}: ${isolate(row.name)}`;
    toggle.setAttribute("aria-label", label);
  };
  toggle.addEventListener("click", () => setOpen(toggle.getAttribute("aria-expanded") !== "true"));
  setOpen(false);
  list.append(h("li", {}, toggle));
  return list;
}
