/**
 * Where the page is: its modules have one address, and the page has several.
 *
 * The views are below the folder that the page's address shares with the page's own files: that
 * folder itself (`/.patrol/ui/`), or the root of `PUBLIC_URL` if the installation shows the page
 * there. Links stay below the folder in which the page was opened.
 */

/** The folder of the page's files. This module is three folders below. */
const files = new URL("../../../", import.meta.url).pathname;

/** The folder of the views, with a slash at the end. */
const folder = sharedFolder(`${location.pathname}/`, files);

/**
 * The address of a view.
 *
 * @param {string} view Its path below the folder, such as `profile/security`; empty for the start.
 */
export const addressOf = (view) => folder + view;

/** The path of the view at the current address. */
export const currentView = () => location.pathname.slice(folder.length).replace(/\/+$/, "");

/** Whether a path leads to a view. @param {string} path */
export const isView = (path) => path.startsWith(folder);

/**
 * @param {string} path
 * @param {string} other
 */
function sharedFolder(path, other) {
  let end = 0;
  while (end < path.length && path[end] === other[end]) end += 1;
  return path.slice(0, path.lastIndexOf("/", end - 1) + 1);
}
