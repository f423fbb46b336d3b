// Before every script: looks into shadow roots as well, where <patrol-tokens> lives.
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
const isSeen = (element) =>
  element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length > 0;
// The last one: a dialog stands behind what it covers.
const $ = (selector) => $$(selector).filter(isSeen).at(-1) ?? null;
const focused = () => {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  return element;
};
const row = (name) =>
  $$("#tokens tbody tr").find((one) => one.querySelector("th span")?.textContent === name) ?? null;
