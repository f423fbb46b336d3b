/**
 * What a failed call of the API means to the user.
 */

import { ServerError, Unreachable } from "./api.js";

/**
 * @param {unknown} error
 * @param {import("../i18n/language.js").Language} language
 * @returns {string} Whole sentences.
 */
export function explain(error, language) {
  const { problems } = language.texts;
  // The browser does not say whether a server at another address is missing, or only refuses to be read.
  if (error instanceof Unreachable && error.server !== location.origin) {
    return problems.notReadable(error.server, location.origin);
  }
  if (!(error instanceof ServerError)) return problems.unreachable;
  if (error.needsSession) return problems.session;
  const { status, code, detail } = error.problem;
  if (status >= 500 || !code || !detail) return problems.unknown;
  return language.message({ code, values: {}, text: detail });
}
