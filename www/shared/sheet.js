/**
 * Style sheets for shadow roots.
 *
 * Fetched as text and constructed, and not linked from within the root: nothing is drawn
 * before its style is there, and one sheet serves every instance. No inline style is needed,
 * so the page's policy can forbid it.
 */

/**
 * @param {string | URL} url
 * @returns {Promise<CSSStyleSheet>}
 */
export async function sheet(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  const constructed = new CSSStyleSheet();
  constructed.replaceSync(await response.text());
  return constructed;
}
