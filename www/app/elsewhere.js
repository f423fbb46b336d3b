/**
 * Whether the page was opened at another address than that of `PUBLIC_URL`. Sessions and changes belong
 * to that one, so the page says where it is.
 *
 * The HTML names the right origin. A server cannot compare: a proxy in front of it may have changed the
 * address that the user sees.
 */

import { banner } from "../shared/banner.js";
import { h } from "../shared/dom.js";
import { VERBATIM } from "../shared/names.js";

/** The origin of `PUBLIC_URL`. */
const origin = document.querySelector("meta[name='patrol-origin']")?.getAttribute("content");

/**
 * @param {import("../i18n/language.js").Language} language
 * @returns {HTMLElement | null} null at the right address.
 */
export function elsewhereBanner(language) {
  if (!origin || origin === location.origin) return null;
  const address = origin + location.pathname + location.search;
  const link = h("a", { ...VERBATIM, href: address, target: "_self" }, origin);
  const id = "elsewhere";
  return banner("warning", { id }, `${language.texts.shell.elsewhere} `, link);
}
