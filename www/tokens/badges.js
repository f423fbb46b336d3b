/**
 * The scopes of one token as badges, colored by group. More than a few collapse to "+4", which
 * shows the rest when pressed.
 */

import { h } from "../shared/dom.js";

/** How many stay when they collapse. */
const SHOWN = 3;

/**
 * @param {import("../pkg/form.js").Row} row
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
          class: "badge mono",
          "data-color": badge.color,
          "data-group": badge.group,
          title: group ? `${group}: ${label}` : label,
        },
        badge.name,
      ),
    );
  });
  // A button takes the place of a badge, so it has to stand for two at least.
  const rest = items.length > SHOWN + 1 ? items.slice(SHOWN) : [];
  const list = h("ul", { class: "badges" }, items);
  if (rest.length === 0) return list;

  const toggle = h("button", { type: "button", class: "badge more" });
  const open = (/** @type {boolean} */ all) => {
    for (const item of rest) item.hidden = !all;
    toggle.setAttribute("aria-expanded", String(all));
    toggle.textContent = all ? texts.tokens.fewerScopes : `+${rest.length}`;
    const label = all
      ? `${texts.tokens.fewerScopes}: ${row.name}`
      : `+${rest.length}. ${texts.tokens.moreScopes(rest.length)}: ${row.name}`;
    toggle.setAttribute("aria-label", label);
  };
  toggle.addEventListener("click", () => open(toggle.getAttribute("aria-expanded") !== "true"));
  open(false);
  list.append(h("li", {}, toggle));
  return list;
}
