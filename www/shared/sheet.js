/**
 * Style sheets for shadow roots.
 *
 * A sheet is fetched and constructed instead of linked inside the root. So nothing is drawn before
 * its style has loaded, all instances share one sheet, and the security policy can forbid inline
 * styles.
 */

/**
 * @param {string | URL} url
 * @returns {Promise<CSSStyleSheet>}
 */
export async function loadSheet(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} returned status ${response.status}`);
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(await response.text());
  return sheet;
}
