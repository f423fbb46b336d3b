/**
 * The dialog that creates a token, from the empty form to the view that shows the token.
 *
 * The form module has all rules: every event goes to it, and the dialog draws the view that it
 * returns. Errors from the server go through it too, so they appear at the same fields. The user's
 * entries survive an expired session.
 */

import { banner } from "../shared/banner.js";
import { button } from "../shared/button.js";
import { ServerError } from "../shared/api.js";
import { h, setAttribute, setChildren, setText } from "../shared/dom.js";
import { explain } from "../shared/explain.js";
import { icon } from "../shared/icons.js";
import { isolate, named } from "../shared/names.js";
import { CreatedView } from "./created.js";
import { Field } from "./field.js";
import { TokenForm } from "./form-module.js";
import { Modal } from "../shared/modal.js";
import { Organizations } from "./organizations.js";
import { Permissions } from "./permissions.js";
import { isUnshown, newKey, noteSent, noteShown } from "./unshown.js";

/** @typedef {import("../pkg/form.js").FormView} FormView */
/** @typedef {import("../pkg/form.js").FormInput} FormInput */
/** @typedef {import("../shared/api.js").TokenRecord} TokenRecord */

/**
 * @typedef {object} Options
 * @property {Node} root
 * @property {import("../i18n/language.js").Language} language
 * @property {import("../shared/api.js").Api} api
 * @property {FormInput} input
 * @property {() => Promise<FormInput | null>} renewSession Signs in again; null if the user did not.
 * @property {() => Promise<FormInput | null>} reload What the account holds now.
 * @property {(record: TokenRecord) => void} oncreated
 * @property {() => void} onfailed The token may have been created.
 * @property {(record: TokenRecord, focusAfterwards: () => HTMLElement) => void} onrevoke The user revokes
 *   a token whose value was lost. `focusAfterwards` is called once it is revoked.
 * @property {() => void} onclosed
 */

/** How often the expiration dates are updated, in ms. */
const CLOCK_INTERVAL = 30_000;

/** The codes of problems that mean: the account holds less than the form shows. */
const HELD_LESS = new Set(["scopes-exceed-owner", "organization-unknown"]);

/** How the user recognizes the account. @param {FormInput} input */
const nameOf = ({ me }) => isolate(me.email || me.name);

/** The dialog for one new token. */
export class CreateDialog {
  #options;
  #texts;
  /** @type {FormInput} */
  #input;
  #form;
  #modal;
  #sending = false;
  /**
   * The idempotency keys of what was sent, by the request: the same entries are the same request.
   * One that has created a token is not sent again.
   *
   * @type {Map<string, string>}
   */
  #keys = new Map();
  /** @type {CreatedView | null} */
  #created = null;
  #clock = setInterval(() => this.#updateTimes(), CLOCK_INTERVAL);
  /** Has the browser ask before it closes the tab. @param {Event} event */
  #onBeforeUnload = (event) => {
    if (this.holdsUncopied) event.preventDefault();
  };

  /** About a token whose value was lost. It stays while the user edits. */
  #lost = h("div", { class: "banners" });
  #banners = h("div", { class: "banners" });
  #name;
  #nameInput;
  #nameCount = h("span", { class: "count numbers", id: "token-name-count" });
  #nameEdited = false;
  #expiry;
  #expirySelect;
  #organizations;
  #permissions;
  #summary = h("ul", { id: "token-summary" });
  #submit;

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
    const { language } = options;
    const texts = language.texts.create;
    this.#texts = texts;
    this.#input = options.input;
    this.#form = new TokenForm(options.input);
    this.#modal = new Modal({
      root: options.root,
      id: "create-dialog",
      title: "create-title created-title",
      wide: true,
      mayClose: () => this.#mayClose(),
      onclosed: () => this.#end(),
    });

    this.#nameInput = h("input", {
      id: "token-name",
      class: "input",
      name: "name",
      autocomplete: "off",
      // Password managers offer to fill in anything called "token".
      "data-1p-ignore": true,
      "data-lpignore": "true",
      autofocus: true,
      dir: "auto",
      required: true,
      placeholder: texts.namePlaceholder,
      oninput: () => {
        this.#nameEdited = true;
        this.#draw(this.#form.setName(this.#nameInput.value));
      },
      onblur: () => this.#nameEdited && this.#draw(this.#form.touch("name")),
    });
    this.#name = new Field({
      label: texts.name,
      hint: texts.nameHint,
      control: this.#nameInput,
      describedBy: "token-name-count",
      aside: this.#nameCount,
    });

    this.#expirySelect = h("select", {
      id: "token-expiry",
      class: "input",
      name: "expires_in_days",
      autocomplete: "off",
      onchange: () => this.#draw(this.#form.setExpiry(Number(this.#expirySelect.value))),
    });
    this.#expiry = new Field({
      label: texts.expiry,
      hint: "",
      control: this.#expirySelect,
      wrapper: h("span", { class: "select" }, this.#expirySelect, icon("chevron")),
    });

    this.#organizations = new Organizations(language, (id, chosen) =>
      this.#draw(this.#form.setOrganization(id, chosen)),
    );
    this.#permissions = new Permissions(language, {
      toggleScope: (name) => this.#draw(this.#form.toggleScope(name)),
      toggleGroup: (name) => this.#draw(this.#form.toggleGroup(name)),
      selectAll: () => this.#draw(this.#form.selectAll()),
      selectNone: () => this.#draw(this.#form.selectNone()),
      search: (text) => this.#draw(this.#form.search(text)),
    });
    this.#submit = button(texts.submit, {
      id: "create-submit",
      type: "submit",
      class: "button primary",
    });
  }

  /** Whether the dialog shows a token that nobody has copied. */
  get holdsUncopied() {
    return this.#created !== null && !this.#created.copied;
  }

  open() {
    const texts = this.#texts;
    const cancel = () => this.#modal.requestClose();
    this.#modal.show(
      h(
        "form",
        {
          id: "create-form",
          class: "dialog-form",
          novalidate: true,
          autocomplete: "off",
          onsubmit: (/** @type {Event} */ event) => {
            event.preventDefault();
            this.#send();
          },
        },
        h(
          "header",
          { class: "dialog-head" },
          h("h2", { id: "create-title" }, texts.title),
          h(
            "button",
            {
              type: "button",
              class: "button quiet square",
              "aria-label": texts.close,
              onclick: cancel,
            },
            icon("close"),
          ),
        ),
        h(
          "div",
          { class: "dialog-body" },
          this.#lost,
          this.#banners,
          h("div", { class: "columns" }, this.#name.element, this.#expiry.element),
          this.#organizations.element,
          this.#permissions.element,
          h(
            "section",
            { class: "summary", "aria-labelledby": "summary-title" },
            h("h3", { id: "summary-title" }, texts.summary),
            this.#summary,
          ),
        ),
        h(
          "footer",
          { class: "dialog-foot" },
          h("button", { type: "button", class: "button", onclick: cancel }, texts.cancel),
          this.#submit.element,
        ),
      ),
    );
    this.#modal.state = "editing";
    this.#draw(this.#form.view());
    this.#nameInput.focus();
  }

  /** Closes the dialog as the user would, so it may ask first. */
  requestClose() {
    this.#modal.requestClose();
  }

  /** Closes the dialog without asking and forgets the token. */
  close() {
    this.#modal.close();
  }

  #updateTimes() {
    this.#draw(this.#form.setNow(this.#options.api.now()));
  }

  /** @param {FormView} view */
  #draw(view) {
    if (this.#created || !this.#modal.isOpen) return;
    const { language } = this.#options;
    const texts = this.#texts;

    if (this.#nameInput.value !== view.name.value) this.#nameInput.value = view.name.value;
    this.#name.draw(view.name.error && language.message(view.name.error));
    setText(this.#nameCount, texts.count(view.name.length, view.name.length + view.name.left));
    setAttribute(this.#nameCount, "data-over", view.name.left < 0);
    setAttribute(this.#nameCount, "title", texts.left(view.name.left));

    this.#drawExpiry(view.expiry);

    const noOrganization = view.blockers.find(({ code }) => code === "organization-none");
    const organizationError = view.organizations.error ?? noOrganization;
    this.#organizations.draw(
      view.organizations,
      organizationError ? language.message(organizationError) : null,
    );

    this.#permissions.draw(view.scopes);
    setChildren(
      this.#summary,
      view.summary.map((message) => h("li", {}, language.message(message))),
    );
    this.#drawBanner(view);
  }

  /** @param {FormView["expiry"]} expiry */
  #drawExpiry(expiry) {
    const { language } = this.#options;
    const texts = this.#texts;
    expiry.choices.forEach(({ days, expiresAt }, index) => {
      const option = this.#expirySelect.options[index] ?? h("option", { value: days });
      setText(option, texts.choice(days, language.date(expiresAt)));
      if (!option.parentNode) this.#expirySelect.append(option);
    });
    this.#expirySelect.value = String(expiry.days);
    const { expiresAt } = expiry;
    this.#expiry.hint =
      expiresAt === null
        ? ""
        : texts.expiresAt(language.dateTime(expiresAt), language.utc(expiresAt));
    this.#expiry.draw(expiry.error && language.message(expiry.error));
  }

  /** Shows errors that concern no single field. @param {FormView} view */
  #drawBanner(view) {
    const { language } = this.#options;
    if (view.limit.reached) {
      const text = language.texts.tokens.limitReached(view.limit.limit);
      this.#showBanner("warning", "create-limit", text);
    } else if (view.error) {
      this.#showBanner("danger", "create-error", language.message(view.error));
    } else if (this.#banners.querySelector("#create-limit, #create-error")) {
      this.#banners.replaceChildren();
    }
  }

  /**
   * @param {"info" | "warning" | "danger"} kind
   * @param {string} id
   * @param {string} text
   */
  #showBanner(kind, id, text) {
    const present = this.#banners.querySelector(`#${id}`);
    if (present?.textContent === text) return;
    this.#banners.replaceChildren(banner(kind, { id, role: "alert", tabindex: "-1" }, text));
  }

  async #send() {
    if (this.#sending) return;
    const view = this.#form.submit();
    const request = view.canSubmit ? this.#form.request() : undefined;
    if (!request) {
      this.#draw(view);
      this.#focusError(view);
      return;
    }
    this.#setSending(true);
    const text = JSON.stringify(request);
    const key = this.#keys.get(text) ?? newKey();
    this.#keys.set(text, key);
    noteSent(key);
    try {
      const { token, ...record } = await this.#options.api.create(request, this.#input.me, key);
      // The page may have closed the dialog meanwhile. Then nobody will ever see the token.
      if (this.#modal.isOpen) {
        noteShown(key);
        this.#setSending(false);
        this.#showCreated(record, token);
      } else {
        this.#options.onfailed();
      }
    } catch (error) {
      if (this.#modal.isOpen) {
        this.#setSending(false);
        await this.#fail(error);
      }
      // Without a session there is no list either.
      const needsSession = error instanceof ServerError && error.needsSession;
      if (!needsSession) this.#options.onfailed();
    }
  }

  /** @param {boolean} sending */
  #setSending(sending) {
    this.#sending = sending;
    this.#submit.setBusy(sending ? this.#texts.busy : null);
    this.#modal.state = sending ? "sending" : "editing";
    if (sending) {
      this.#banners.replaceChildren();
      this.#modal.announce(this.#texts.busy);
    }
  }

  /** @param {unknown} error */
  async #fail(error) {
    const { language } = this.#options;
    // The server may have created the token before it failed.
    if (!(error instanceof ServerError) || error.problem.status >= 500) {
      this.#showBanner("danger", "create-problem", this.#texts.unknownOutcome);
      this.#focusBanner();
    } else if (error.problem.code === "already-created") {
      this.#showBanner("warning", "create-problem", this.#texts.alreadyCreated);
      this.#focusBanner();
    } else if (error.needsSession) {
      await this.#signInAgain();
    } else if (error.isOtherUser) {
      await this.#rebuild(this.#options.reload, (input) => this.#texts.userChanged(nameOf(input)));
    } else if (HELD_LESS.has(error.problem.code ?? "")) {
      // The account has lost a right since the form was opened.
      const reason = explain(error, language);
      await this.#rebuild(this.#options.reload, () => reason);
    } else {
      const view = this.#form.reject(error.problem);
      this.#draw(view);
      if (view.error?.code === "refused") {
        this.#showBanner("danger", "create-error", language.texts.problems.unknown);
      }
      this.#focusError(view);
    }
  }

  async #signInAgain() {
    const before = this.#input.me.id;
    await this.#rebuild(this.#options.renewSession, (input) =>
      input.me.id === before ? this.#texts.signedInAgain : this.#texts.userChanged(nameOf(input)),
    );
  }

  /**
   * Rebuilds the form with the user's entries, because roles or the user may have changed.
   *
   * @param {() => Promise<FormInput | null>} load
   * @param {(input: FormInput) => string} explanation
   */
  async #rebuild(load, explanation) {
    const { problems } = this.#options.language.texts;
    let input = null;
    let why = problems.session;
    try {
      input = await load();
    } catch (error) {
      why = explain(error, this.#options.language);
    }
    if (!this.#modal.isOpen) return;
    if (input === null) {
      this.#showBanner("warning", "create-session", why);
      this.#focusBanner();
      return;
    }
    this.#replaceForm(input);
    this.#showBanner("info", "create-session", explanation(input));
    this.#banners.firstElementChild?.scrollIntoView({ block: "nearest" });
    this.#submit.element.focus({ preventScroll: true });
  }

  /**
   * Shows what the account holds now, with the user's entries. Another user's rights are not shown
   * without a word: then the server refuses, and the form says why.
   *
   * @param {FormInput} input
   * @param {TokenRecord[]} tokens
   */
  refresh(input, tokens) {
    const isEditing = this.#modal.isOpen && !this.#sending && this.#created === null;
    if (!isEditing || input.me.id !== this.#input.me.id) return;
    for (const [text, key] of this.#keys) {
      const lost = tokens.find((token) => token.idempotency_key === key);
      if (!lost) continue;
      // From now on the same entries mean another token.
      this.#keys.delete(text);
      if (isUnshown(lost)) this.#showLost(lost);
    }
    const [before, now] = [this.#input, input].map(({ me, active, limit }) =>
      JSON.stringify([me, active, limit]),
    );
    if (before !== now) this.#replaceForm(input);
  }

  /**
   * Says that a token was created although its answer was lost.
   *
   * @param {TokenRecord} record
   */
  #showLost(record) {
    const { onrevoke, language } = this.#options;
    const revoked = () => {
      const text = this.#texts.lostRevoked;
      this.#lost.replaceChildren(banner("info", { id: "create-lost", role: "alert" }, text));
      return this.#submit.element;
    };
    const revoke = h(
      "button",
      {
        id: "revoke-lost",
        type: "button",
        class: "button small",
        onclick: () => onrevoke(record, revoked),
      },
      language.texts.tokens.revoke,
    );
    const box = banner(
      "warning",
      { id: "create-lost", role: "alert", tabindex: "-1" },
      h("strong", {}, named(record.name)),
      h("p", {}, this.#texts.lost),
      revoke,
    );
    this.#banners.replaceChildren();
    this.#lost.replaceChildren(box);
    box.focus();
  }

  /** @param {FormInput} input */
  #replaceForm(input) {
    this.#input = input;
    const state = this.#form.toJSON();
    this.#form.free();
    this.#form = TokenForm.fromState(input, state);
    this.#draw(this.#form.view());
  }

  /** @param {FormView} view */
  #focusError(view) {
    const { name, expiry, organizations, scopes } = view;
    this.#modal.announce(this.#texts.invalid);
    if (view.limit.reached || view.error) this.#focusBanner();
    else if (name.error) this.#nameInput.focus();
    else if (expiry.error) this.#expirySelect.focus();
    else if (organizations.error) this.#organizations.focus();
    else if (scopes?.error) this.#permissions.focus();
  }

  #focusBanner() {
    const element = this.#banners.querySelector(".banner");
    if (element instanceof HTMLElement) element.focus();
  }

  /**
   * @param {import("../shared/api.js").TokenRecord} record
   * @param {string} token
   */
  #showCreated(record, token) {
    this.#created = new CreatedView({
      language: this.#options.language,
      api: this.#options.api,
      record,
      token,
      announce: (text) => this.#modal.announce(text),
      onclose: () => this.#modal.requestClose(),
    });
    clearInterval(this.#clock);
    addEventListener("beforeunload", this.#onBeforeUnload);
    addEventListener("pagehide", this.#onPageHide);
    this.#modal.show(...this.#created.elements);
    this.#modal.state = "created";
    this.#created.focus();
    const { title, once } = this.#options.language.texts.created;
    this.#modal.announce(`${title}. ${once}`);
    this.#options.oncreated(record);
  }

  /** The browser may keep the page in its back/forward cache; the token must not stay in it. */
  #onPageHide = () => this.close();

  #mayClose() {
    if (this.#sending) return false;
    const { created, discard } = this.#options.language.texts;
    if (this.holdsUncopied) this.#confirmClose(created);
    else if (!this.#created && this.#form.view().changed) this.#confirmClose(discard);
    else return true;
    return false;
  }

  /**
   * Asks the user to confirm that the token or the entries may be lost.
   *
   * @param {{ leaveTitle: string, leave: string, back: string, leaveAnyway: string }} texts
   */
  #confirmClose(texts) {
    const confirm = new Modal({
      root: this.#options.root,
      id: "leave-dialog",
      title: "leave-title",
      description: "leave-text",
      alert: true,
    });
    const leave = () => {
      confirm.close();
      this.close();
    };
    confirm.show(
      h("header", { class: "dialog-head" }, h("h2", { id: "leave-title" }, texts.leaveTitle)),
      h("div", { class: "dialog-body" }, h("p", { id: "leave-text" }, texts.leave)),
      h(
        "footer",
        { class: "dialog-foot" },
        h(
          "button",
          { id: "leave-anyway", type: "button", class: "button", onclick: leave },
          texts.leaveAnyway,
        ),
        h(
          "button",
          {
            id: "leave-back",
            type: "button",
            class: "button primary",
            autofocus: true,
            onclick: () => confirm.close(),
          },
          texts.back,
        ),
      ),
    );
  }

  #end() {
    clearInterval(this.#clock);
    removeEventListener("beforeunload", this.#onBeforeUnload);
    removeEventListener("pagehide", this.#onPageHide);
    this.#created?.forget();
    this.#created = null;
    this.#form.free();
    this.#options.onclosed();
  }
}
