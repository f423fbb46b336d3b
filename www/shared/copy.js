/**
 * Copies text to the clipboard.
 */

/**
 * @param {string} text
 * @returns {Promise<boolean>} Whether it worked: the browser may deny it, and over plain http there
 *   is no clipboard.
 */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
