/**
 * One language: its texts, and how it writes dates, numbers and messages.
 *
 * Dates are in the user's own time zone and in the region that the browser names, where that
 * fits the language. Messages of the form module come with a code and values; a language that
 * has no text for a code shows the English text that came along. So English needs none, and
 * says what the rules themselves say.
 */

import de from "./de.js";
import en from "./en.js";

/** @typedef {typeof en} Texts */
/** @typedef {import("../pkg/form.js").Message} Message */

/** @type {Record<string, Texts>} */
const TEXTS = { en, de };

/** Where the user's choice is kept in this browser. */
const CHOICE = "patrol-language";

/** The languages that there are, each in its own words. */
export const LANGUAGES = Object.entries(TEXTS).map(([code, texts]) => ({
  code,
  name: texts.language,
}));

/**
 * The language that the user chose here before, or else one that the browser asks for.
 *
 * @returns {string}
 */
export function preferred() {
  let chosen = null;
  try {
    chosen = localStorage.getItem(CHOICE);
  } catch {
    // Storage is switched off; then there was no choice.
  }
  return known([chosen ?? "", ...navigator.languages]) ?? "en";
}

/** @param {string} code */
export function choose(code) {
  try {
    localStorage.setItem(CHOICE, code);
  } catch {
    // It holds until the page is left.
  }
}

/**
 * The first of these languages that there are texts for.
 *
 * @param {readonly string[]} tags As in BCP 47.
 * @returns {string | undefined}
 */
function known(tags) {
  return tags.map(primary).find((code) => code in TEXTS);
}

/** @param {string} tag */
function primary(tag) {
  return tag.split("-", 1)[0].toLowerCase();
}

/** What a view needs to speak. */
export class Language {
  #date;
  #dateTime;
  #utc;
  #utcTime;
  #time;
  #exact;
  #list;
  #relative;
  #locale;

  /** @param {string} tag Any tag of BCP 47; a language without texts becomes English. */
  constructor(tag) {
    this.code = known([tag]) ?? "en";
    this.texts = TEXTS[this.code];
    const locale = navigator.languages.find((other) => primary(other) === this.code) ?? this.code;
    this.#locale = locale;
    this.#date = new Intl.DateTimeFormat(locale, { dateStyle: "medium" });
    this.#dateTime = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
    this.#utc = new Intl.DateTimeFormat(locale, {
      dateStyle: "medium",
      timeStyle: "short",
      timeZone: "UTC",
    });
    this.#utcTime = new Intl.DateTimeFormat(locale, { timeStyle: "short", timeZone: "UTC" });
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

  /** The day. @param {string} time */
  date(time) {
    return this.#date.format(new Date(time));
  }

  /** Day and minute. @param {string} time */
  dateTime(time) {
    return this.#dateTime.format(new Date(time));
  }

  /** The same in UTC; only the minute if the day is the user's own. @param {string} time */
  utc(time) {
    const date = new Date(time);
    const differs = date.getTimezoneOffset() !== 0 && date.getDate() === date.getUTCDate();
    return (differs ? this.#utcTime : this.#utc).format(date);
  }

  /** The second of a day, as "14:03:22". @param {string} time */
  time(time) {
    return this.#time.format(new Date(time));
  }

  /** Everything, with the time zone: for who wants to be sure. @param {string} time */
  exact(time) {
    return this.#exact.format(new Date(time));
  }

  /** A length of time, as "1.2 s". @param {number} ms */
  seconds(ms) {
    const seconds = Math.max(ms, 0) / 1000;
    const digits = seconds < 10 ? 1 : 0;
    const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
    return `${seconds.toLocaleString(this.code, options)} s`;
  }

  /** A length of time in words, as "2 minutes". @param {number} seconds */
  duration(seconds) {
    const [count, unit] = seconds % 60 === 0 ? [seconds / 60, "minute"] : [seconds, "second"];
    return count.toLocaleString(this.#locale, { style: "unit", unit, unitDisplay: "long" });
  }

  /** "a, b and c". @param {readonly string[]} names */
  list(names) {
    return this.#list.format(names);
  }

  /** "3 days ago". @param {number} count Negative: ago. @param {Intl.RelativeTimeFormatUnit} unit */
  relative(count, unit) {
    return this.#relative.format(count, unit);
  }

  /**
   * A message of the form module.
   *
   * @param {Message} message
   */
  message(message) {
    const say = this.texts.messages[message.code];
    return say ? say(message.values, this) : message.text;
  }

  /**
   * A name of the policy (of a group, a scope, a role) or a sentence that describes one. The
   * policy is the operator's and has one language; what a translation knows of it, it says.
   *
   * @param {string} text
   */
  policy(text) {
    return this.texts.policy[text] ?? text;
  }
}
