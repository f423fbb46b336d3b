/**
 * Copying to the clipboard.
 */

/**
 * @param {string} text
 * @returns {Promise<boolean>} Whether it worked: browsers may refuse, and plain http cannot.
 */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
