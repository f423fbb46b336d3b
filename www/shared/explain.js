/**
 * What a failed call of the API means to the user.
 */

import { ServerError } from "./api.js";

/**
 * @param {unknown} error
 * @param {import("../i18n/language.js").Language} language
 * @returns {string} Whole sentences.
 */
export function explain(error, language) {
  const { problems } = language.texts;
  if (!(error instanceof ServerError)) return problems.unreachable;
  if (error.needsSession) return problems.session;
  const { status, code, detail } = error.problem;
  if (status >= 500 || !code || !detail) return problems.unknown;
  return language.message({ code, values: {}, text: detail });
}
