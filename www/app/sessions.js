/**
 * The user's sessions and activity. Both are closed at first, and load when the user opens them.
 */

import { button } from "../shared/button.js";
import { h, setChildren } from "../shared/dom.js";
import { explain } from "../shared/explain.js";
import { named, VERBATIM } from "../shared/names.js";

/** @typedef {import("./main.js").Context} Context */
/** @typedef {import("../shared/api.js").Session} Session */
/** @typedef {import("../shared/api.js").AuditEntry} AuditEntry */

/**
 * A card that loads its content when it is opened.
 *
 * @param {object} options
 * @param {string} options.id
 * @param {string} options.title
 * @param {string} options.lead
 * @param {Context} options.context
 * @param {() => Promise<HTMLElement>} options.load
 * @returns {{ element: HTMLElement, reload: () => void }}
 */
function lazyCard({ id, title, lead, context: { language }, load }) {
  const { tokens: texts } = language.texts;
  const content = h("div", { class: "card-content" });
  /** Of two loads at once, the later counts. */
  let version = 0;
  const show = async () => {
    const own = (version += 1);
    try {
      const loaded = await load();
      if (own === version) setChildren(content, loaded);
    } catch (error) {
      if (own !== version) return;
      const retry = button(texts.retry, { class: "button", onclick: show });
      setChildren(
        content,
        h("p", { class: "error", role: "alert" }, explain(error, language)),
        retry.element,
      );
    }
  };
  const element = h(
    "details",
    {
      id,
      class: "card",
      ontoggle: () => {
        if (element.open) show();
      },
    },
    h("summary", {}, h("h2", {}, title), h("span", { class: "muted" }, lead)),
    content,
  );
  return {
    element,
    reload: () => {
      if (element.open) show();
    },
  };
}

/**
 * @param {Context} context
 * @param {() => import("../shared/api.js").Me} getUser
 */
export function sessionsCard(context, getUser) {
  const { language, api } = context;
  const texts = language.texts.sessions;
  const failed = h("p", { class: "error", role: "alert" });
  const card = lazyCard({
    id: "sessions",
    title: texts.title,
    lead: texts.lead,
    context,
    load: async () => {
      const { sessions } = await api.sessions();
      return h("div", {}, h("ul", { class: "rows" }, sessions.map(row)), failed);
    },
  });
  /** @param {Session} session */
  function row(session) {
    const { id, created_at, address, user_agent, current } = session;
    const since = texts.since(language.dateTime(created_at));
    const end = button(texts.end, {
      class: "button",
      "aria-label": texts.endNamed(language.dateTime(created_at)),
      onclick: async () => {
        end.setBusy(texts.end);
        failed.textContent = "";
        try {
          await api.endSession(id, getUser());
        } catch (error) {
          failed.textContent = `${texts.endFailed} ${explain(error, language)}`;
        }
        card.reload();
      },
    });
    return h(
      "li",
      { "data-session": id },
      h(
        "span",
        {},
        h("time", { datetime: created_at, title: language.exact(created_at) }, since),
        h("br"),
        h("span", { class: "muted" }, address ? texts.from(address) : texts.fromUnknown),
      ),
      h(
        "span",
        { class: "muted user-agent" },
        user_agent === null ? texts.unknownAgent : named(user_agent),
      ),
      current ? h("span", { class: "current" }, texts.current) : end.element,
    );
  }
  return card;
}

/** @param {Context} context */
export function activityCard(context) {
  const { language, api } = context;
  const texts = language.texts.activity;
  return lazyCard({
    id: "activity",
    title: texts.title,
    lead: texts.lead,
    context,
    load: async () => {
      const list = h("ol", { class: "rows" });
      const failed = h("p", { class: "error", role: "alert" });
      let { entries, next } = await api.audit();
      list.append(...entries.map(row));
      const more = button(texts.more, {
        class: "button",
        onclick: async () => {
          more.setBusy(texts.more);
          failed.textContent = "";
          try {
            ({ entries, next } = await api.audit(next));
            list.append(...entries.map(row));
            more.element.hidden = next === null;
          } catch (error) {
            failed.textContent = explain(error, language);
          }
          more.setBusy(null);
        },
      });
      more.element.hidden = next === null;
      return h("div", {}, list, more.element, failed);
    },
  });
  /** @param {AuditEntry} entry */
  function row({ at, action, actor, outcome, token, address }) {
    const what = actor === "token" ? texts.byToken : (texts.actions[action] ?? action);
    const why = outcome === "done" ? null : (texts.outcomes[outcome] ?? outcome);
    return h(
      "li",
      {},
      h("time", { datetime: at, title: language.exact(at) }, language.dateTime(at)),
      h(
        "span",
        {},
        what,
        why && h("span", { class: "muted" }, ` ${why}`),
        token && h("br"),
        token && h("code", VERBATIM, token),
      ),
      h("span", { class: "muted" }, address ?? ""),
    );
  }
}
