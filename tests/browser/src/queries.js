// Put before every script of a test: queries that look into shadow roots, where <patrol-tokens> is.
const roots = () => {
  const found = [document];
  for (const root of found) {
    for (const element of root.querySelectorAll("*")) {
      if (element.shadowRoot) found.push(element.shadowRoot);
    }
  }
  return found;
};
const $$ = (selector) => roots().flatMap((root) => [...root.querySelectorAll(selector)]);
const isVisible = (element) =>
  element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length > 0;
// The last match: in the document, a dialog comes after what it covers.
const $ = (selector) => $$(selector).filter(isVisible).at(-1) ?? null;
const focusedElement = () => {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  return element;
};
const tokenRow = (name) =>
  $$("#tokens tbody tr").find((one) => one.querySelector("th span")?.textContent === name) ?? null;
// The visible elements that reach, or whose text reaches, beyond the sides of the viewport, unless a box
// of their own clips them; and dialogs that scroll sideways.
const outside = () => {
  const isDialog = (element) => element.matches("dialog, .dialog-body, html, body");
  const parent = (element) => element.parentElement ?? element.getRootNode().host ?? null;
  const isClipped = (element) => {
    for (let one = parent(element); one; one = parent(one)) {
      if (!isDialog(one) && getComputedStyle(one).overflowX !== "visible") return true;
    }
    return false;
  };
  const isUnseen = (element) => element.closest(".unseen, .skip, .nav-link > span, .brand > span");
  return $$("body *").filter((element) => {
    if (!isVisible(element) || isUnseen(element)) return false;
    if (isDialog(element) && element.scrollWidth > element.clientWidth) return true;
    const { left, right, width } = element.getBoundingClientRect();
    const isOpen = getComputedStyle(element).overflowX === "visible" && element.clientWidth > 0;
    const end = isOpen ? Math.max(right, left + element.scrollWidth) : right;
    return width > 0 && (end > innerWidth + 0.5 || left < -0.5) && !isClipped(element);
  });
};
