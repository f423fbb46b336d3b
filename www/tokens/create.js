/**
 * The dialog that creates a token, from the empty form to the closed success view.
 *
 * What is right, wrong, offered and counted is decided by the form module: every event goes to
 * it, and the view that comes back is drawn. The server's refusals go the same way, so they
 * stand where the rule of the form would. What was typed survives a session that has ended.
 */

import { banner } from "../shared/banner.js";
import { button } from "../shared/button.js";
import { Refused } from "../shared/api.js";
import { h, setAttribute, setChildren, setText } from "../shared/dom.js";
import { icon } from "../shared/icons.js";
import { CreatedView } from "./created.js";
import { Field } from "./field.js";
import { TokenForm } from "./form-module.js";
import { Modal } from "../shared/modal.js";
import { Organizations } from "./organizations.js";
import { Permissions } from "./permissions.js";

/** @typedef {import("../pkg/form.js").FormView} FormView */
/** @typedef {import("../pkg/form.js").FormInput} FormInput */

/**
 * @typedef {object} Options
 * @property {Node} root
 * @property {import("../i18n/language.js").Language} language
 * @property {import("../shared/api.js").Api} api
 * @property {FormInput} input
 * @property {() => Promise<FormInput | null>} renew Signs in again; null: the user did not.
 * @property {(record: import("../shared/api.js").TokenRecord) => void} oncreated
 * @property {() => void} onclosed
 */

/** How often the dates move along while the dialog stays open, in ms. */
const TICK = 30_000;

/** One creation. */
export class CreateDialog {
  #options;
  #texts;
  #form;
  #modal;
  #sending = false;
  /** @type {CreatedView | null} */
  #created = null;
  #clock = setInterval(() => this.#draw(this.#form.setNow(Date.now())), TICK);
  /** Asks before the tab is closed while the token is not copied. @param {Event} event */
  #guard = (event) => {
    if (this.holdsUncopied) event.preventDefault();
  };

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
    this.#form = new TokenForm(options.input);
    this.#modal = new Modal({
      root: options.root,
      id: "create-dialog",
      title: "create-title created-title",
      wide: true,
      mayClose: () => this.#mayClose(),
      closed: () => this.#end(),
    });

    this.#nameInput = /** @type {HTMLInputElement} */ (
      h("input", {
        id: "token-name",
        class: "input",
        name: "name",
        autocomplete: "off",
        // Managers of passwords take the word "token" for an invitation.
        "data-1p-ignore": true,
        "data-lpignore": "true",
        autofocus: true,
        required: true,
        placeholder: texts.namePlaceholder,
        oninput: () => {
          this.#nameEdited = true;
          this.#draw(this.#form.setName(this.#nameInput.value));
        },
        onblur: () => this.#nameEdited && this.#draw(this.#form.touch("name")),
      })
    );
    this.#name = new Field({
      label: texts.name,
      hint: texts.nameHint,
      control: this.#nameInput,
      describedBy: "token-name-count",
      aside: this.#nameCount,
    });

    this.#expirySelect = /** @type {HTMLSelectElement} */ (
      h("select", {
        id: "token-expiry",
        class: "input",
        name: "expires_in_days",
        autocomplete: "off",
        onchange: () => this.#draw(this.#form.setExpiry(Number(this.#expirySelect.value))),
      })
    );
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

  /** Is a token on the screen that nobody has copied? */
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

  /** Closes it as the user would, so it may ask first. */
  requestClose() {
    this.#modal.requestClose();
  }

  /** Closes it without asking; the token, if there is one, is forgotten. */
  close() {
    this.#modal.close();
  }

  /** @param {FormView} view */
  #draw(view) {
    if (this.#created || !this.#modal.open) return;
    const { language } = this.#options;
    const texts = this.#texts;

    if (this.#nameInput.value !== view.name.value) this.#nameInput.value = view.name.value;
    this.#name.draw(view.name.error && language.message(view.name.error));
    setText(this.#nameCount, texts.count(view.name.length, view.name.length + view.name.left));
    setAttribute(this.#nameCount, "data-over", view.name.left < 0);
    setAttribute(this.#nameCount, "title", texts.left(view.name.left));

    this.#drawExpiry(view.expiry);

    const nowhere = view.blockers.find(({ code }) => code === "organization-none");
    const organizationError = view.organizations.error ?? nowhere;
    this.#organizations.draw(
      view.organizations,
      organizationError ? language.message(organizationError) : null,
    );

    this.#permissions.draw(view.scopes);
    setChildren(
      this.#summary,
      view.summary.map((message) => h("li", {}, language.message(message))),
    );
    this.#drawRefusal(view);
  }

  /** @param {FormView["expiry"]} expiry */
  #drawExpiry(expiry) {
    const { language } = this.#options;
    const texts = this.#texts;
    const options = this.#expirySelect.options;
    expiry.choices.forEach(({ days, expiresAt }, index) => {
      if (!options[index]) this.#expirySelect.append(h("option", { value: days }));
      setText(options[index], texts.choice(days, language.date(expiresAt)));
    });
    this.#expirySelect.value = String(expiry.days);
    const { expiresAt } = expiry;
    this.#expiry.hint =
      expiresAt === null
        ? ""
        : texts.expiresAt(language.dateTime(expiresAt), language.utc(expiresAt));
    this.#expiry.draw(expiry.error && language.message(expiry.error));
  }

  /** What stands at no field. @param {FormView} view */
  #drawRefusal(view) {
    const { language } = this.#options;
    if (view.limit.reached) {
      this.#say("warning", "create-limit", language.texts.tokens.limitReached(view.limit.limit));
    } else if (view.refusal) {
      this.#say("danger", "create-refusal", language.message(view.refusal));
    } else if (this.#banners.querySelector("#create-limit, #create-refusal")) {
      this.#banners.replaceChildren();
    }
  }

  /**
   * @param {"info" | "warning" | "danger"} kind
   * @param {string} id
   * @param {string} text
   */
  #say(kind, id, text) {
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
    try {
      const { token, ...record } = await this.#options.api.create(request);
      // Closed from outside meanwhile: the token was never seen, and never will be.
      if (!this.#modal.open) return;
      this.#setSending(false);
      this.#show(record, token);
    } catch (error) {
      if (!this.#modal.open) return;
      this.#setSending(false);
      await this.#refused(error);
    }
  }

  /** @param {boolean} sending */
  #setSending(sending) {
    this.#sending = sending;
    this.#submit.busy(sending ? this.#texts.busy : null);
    this.#modal.state = sending ? "sending" : "editing";
    if (sending) {
      this.#banners.replaceChildren();
      this.#modal.announce(this.#texts.busy);
    }
  }

  /** @param {unknown} error */
  async #refused(error) {
    const { language } = this.#options;
    // A server that fails may have done it before.
    if (!(error instanceof Refused) || error.problem.status >= 500) {
      this.#say("danger", "create-problem", this.#texts.unknownOutcome);
      this.#focusBanner();
    } else if (error.needsSession) {
      await this.#signInAgain();
    } else {
      const view = this.#form.reject(error.problem);
      this.#draw(view);
      if (view.refusal?.code === "refused") {
        this.#say("danger", "create-refusal", language.texts.problems.unknown);
      }
      this.#focusError(view);
    }
  }

  /** Roles may have changed, or the user: the form is made anew around what was filled in. */
  async #signInAgain() {
    const { problems } = this.#options.language.texts;
    let input = null;
    let why = problems.session;
    try {
      input = await this.#options.renew();
    } catch (error) {
      why = error instanceof Refused ? problems.unknown : problems.unreachable;
    }
    if (!this.#modal.open) return;
    if (input === null) {
      this.#say("warning", "create-session", why);
      this.#focusBanner();
      return;
    }
    const state = this.#form.toJSON();
    this.#form.free();
    this.#form = TokenForm.fromState(input, state);
    this.#draw(this.#form.view());
    this.#say("info", "create-session", this.#texts.signedInAgain);
    this.#banners.firstElementChild?.scrollIntoView({ block: "nearest" });
    this.#submit.element.focus({ preventScroll: true });
  }

  /** @param {FormView} view */
  #focusError(view) {
    const { name, expiry, organizations, scopes } = view;
    this.#modal.announce(this.#texts.invalid);
    if (view.limit.reached || view.refusal) this.#focusBanner();
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
  #show(record, token) {
    this.#created = new CreatedView({
      language: this.#options.language,
      address: this.#options.api.address,
      record,
      token,
      announce: (text) => this.#modal.announce(text),
      onclose: () => this.#modal.requestClose(),
    });
    clearInterval(this.#clock);
    addEventListener("beforeunload", this.#guard);
    addEventListener("pagehide", this.#leave);
    this.#modal.show(...this.#created.elements);
    this.#modal.state = "created";
    this.#created.focus();
    const { title, once } = this.#options.language.texts.created;
    this.#modal.announce(`${title}. ${once}`);
    this.#options.oncreated(record);
  }

  /** The page is left for good or kept aside; in neither case may the token stay in it. */
  #leave = () => this.close();

  #mayClose() {
    if (this.#sending) return false;
    const { created, discard } = this.#options.language.texts;
    if (this.holdsUncopied) this.#confirmLeaving(created);
    else if (!this.#created && this.#form.view().changed) this.#confirmLeaving(discard);
    else return true;
    return false;
  }

  /**
   * Asks whether what would be lost may be.
   *
   * @param {{ leaveTitle: string, leave: string, back: string, leaveAnyway: string }} texts
   */
  #confirmLeaving(texts) {
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
    removeEventListener("beforeunload", this.#guard);
    removeEventListener("pagehide", this.#leave);
    this.#created?.forget();
    this.#created = null;
    this.#form.free();
    this.#options.onclosed();
  }
}
