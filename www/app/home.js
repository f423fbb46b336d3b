/**
 * The start page: what tokens are for, and a link to them.
 */

import { h } from "../shared/dom.js";
import { sentence, VERBATIM } from "../shared/names.js";
import { addressOf } from "./mount.js";

/**
 * @param {import("./main.js").Context} context
 * @returns {import("./main.js").View}
 */
export function homeView({ language, me, api }) {
  const texts = language.texts.home;
  const sample = `curl -H "Authorization: Bearer <${texts.yourToken}>" \\
  -H "X-Organization-ID: ${me.organizations[0]?.id ?? `<${texts.yourOrganization}>`}" \\
  ${api.origin}/api/v1/engine/pipelines`;
  const element = h(
    "div",
    { class: "view" },
    h(
      "header",
      { class: "view-head" },
      h("h1", {}, ...sentence(texts.welcome, me.name)),
      h("p", { class: "lead" }, texts.lead),
    ),
    h(
      "section",
      { class: "card steps" },
      h(
        "ol",
        {},
        texts.steps.map(([title, text]) =>
          h("li", {}, h("h2", {}, title), h("p", { class: "muted" }, text)),
        ),
      ),
      h(
        "pre",
        {
          ...VERBATIM,
          class: "command notranslate",
          tabindex: "0",
          role: "region",
          "aria-label": texts.sample,
        },
        h("code", VERBATIM, sample),
      ),
      h("a", { class: "button primary", href: addressOf("profile/security") }, texts.toTokens),
    ),
  );
  return { title: texts.title, element };
}
