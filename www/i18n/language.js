/**
 * A language: its texts, and how it formats dates, numbers and messages.
 *
 * Dates are in the user's time zone, and in the browser's regional format if that is for the same
 * language. Messages of the form module have a code and values. If a language has no text for a
 * code, the English text of the message is shown, so English itself needs only a few.
 */

import de from "./de.js";
import en from "./en.js";

/** @typedef {typeof en} Texts */
/** @typedef {import("../pkg/form.js").UserMessage} UserMessage */
/** @typedef {import("../pkg/form.js").MessageValues} MessageValues */

/**
 * Texts by message code: first the form module's codes, then codes that only the server uses, which
 * come without values. The third argument is the message in English.
 *
 * @typedef {{
 *   [Code in keyof MessageValues]?: (
 *     values: MessageValues[Code],
 *     language: Language,
 *     text: string,
 *   ) => string;
 * } & {
 *   [Code in
 *     | "body-invalid"
 *     | "body-too-large"
 *     | "internal"
 *     | "name-invalid"
 *     | "origin-forbidden"
 *     | "rate-limited"
 *     | "scopes-invalid"
 *     | "user-changed"]?: (values: object, language: Language, text: string) => string;
 * }} Messages
 */

/** @type {{ en: Texts, de: Texts }} */
const TEXTS = { en, de };

/** @typedef {keyof typeof TEXTS} LanguageCode */

/** The key of the user's choice in this browser's storage. */
const STORAGE_KEY = "patrol-language";

/** All languages, each with its own name for itself. */
export const LANGUAGES = Object.entries(TEXTS).map(([code, texts]) => ({
  code,
  name: texts.language,
}));

/**
 * Returns the language that the user has chosen, or else the browser's first that we have.
 *
 * @returns {LanguageCode}
 */
export function preferredLanguage() {
  let chosen = null;
  try {
    chosen = localStorage.getItem(STORAGE_KEY);
  } catch {
    // The user has turned off storage.
  }
  return firstKnown([chosen ?? "", ...navigator.languages]) ?? "en";
}

/** @param {string} code */
export function rememberLanguage(code) {
  try {
    localStorage.setItem(STORAGE_KEY, code);
  } catch {
    // The choice lasts until the user leaves the page.
  }
}

/**
 * @param {readonly string[]} tags BCP 47 language tags.
 * @returns {LanguageCode | undefined}
 */
function firstKnown(tags) {
  return tags.map(primarySubtag).find(isKnown);
}

/** @param {string} code @returns {code is LanguageCode} */
function isKnown(code) {
  return Object.hasOwn(TEXTS, code);
}

/** @param {string} tag */
function primarySubtag(tag) {
  return tag.replace(/-.*/s, "").toLowerCase();
}

/** The texts and formats of a language. */
export class Language {
  #date;
  #dateTime;
  #dateTimeUtc;
  #timeUtc;
  #time;
  #exact;
  #list;
  #relative;
  #locale;

  /** @param {string} tag A BCP 47 language tag; an unknown language becomes English. */
  constructor(tag) {
    const code = firstKnown([tag]) ?? "en";
    this.code = code;
    this.texts = TEXTS[code];
    const locale = navigator.languages.find((other) => primarySubtag(other) === code) ?? code;
    this.#locale = locale;
    this.#date = new Intl.DateTimeFormat(locale, { dateStyle: "medium" });
    this.#dateTime = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
    this.#dateTimeUtc = new Intl.DateTimeFormat(locale, {
      dateStyle: "medium",
      timeStyle: "short",
      timeZone: "UTC",
    });
    this.#timeUtc = new Intl.DateTimeFormat(locale, { timeStyle: "short", timeZone: "UTC" });
    this.#time = new Intl.DateTimeFormat(locale, {
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      hourCycle: "h23",
    });
    this.#exact = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "long" });
    this.#list = new Intl.ListFormat(locale, { type: "conjunction" });
    this.#relative = new Intl.RelativeTimeFormat(locale, { numeric: "always" });
  }

  /** "Nov 24, 2026" @param {string} time */
  date(time) {
    return this.#date.format(new Date(time));
  }

  /** "Nov 24, 2026, 2:03 PM" @param {string} time */
  dateTime(time) {
    return this.#dateTime.format(new Date(time));
  }

  /** The same in UTC, without the date if it is the user's own. @param {string} time */
  utc(time) {
    const date = new Date(time);
    const isSameDay = date.getTimezoneOffset() !== 0 && date.getDate() === date.getUTCDate();
    return (isSameDay ? this.#timeUtc : this.#dateTimeUtc).format(date);
  }

  /** "14:03:22" @param {string} time */
  time(time) {
    return this.#time.format(new Date(time));
  }

  /** The full date and time with the time zone. @param {string} time */
  exact(time) {
    return this.#exact.format(new Date(time));
  }

  /** "1.2 s" @param {number} ms */
  seconds(ms) {
    const seconds = Math.max(ms, 0) / 1000;
    const digits = seconds < 10 ? 1 : 0;
    const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
    return `${seconds.toLocaleString(this.code, options)} s`;
  }

  /** "1,000" @param {number} count */
  number(count) {
    return count.toLocaleString(this.#locale);
  }

  /** "2 minutes" @param {number} seconds */
  duration(seconds) {
    const [count, unit] = seconds % 60 === 0 ? [seconds / 60, "minute"] : [seconds, "second"];
    return count.toLocaleString(this.#locale, { style: "unit", unit, unitDisplay: "long" });
  }

  /** "a, b, and c" @param {readonly string[]} names */
  list(names) {
    return this.#list.format(names);
  }

  /** "in 3 days", or "3 days ago" for -3. @param {number} count @param {Intl.RelativeTimeFormatUnit} unit */
  relative(count, unit) {
    return this.#relative.format(count, unit);
  }

  /** @param {UserMessage} message */
  message({ code, values, text }) {
    const messages =
      /** @type {Record<string, ((...message: [object, Language, string]) => string) | undefined>} */ (
        this.texts.messages
      );
    return messages[code]?.(values, this, text) ?? text;
  }

  /**
   * Translates a text of the policy: a name or a description. The operator writes the policy, in
   * one language; texts without a translation stay as they are.
   *
   * @param {string} text
   */
  policy(text) {
    return this.texts.policy[text] ?? text;
  }
}
