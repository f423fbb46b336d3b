/**
 * The icons, drawn on a 16 px grid, and the logo. They are decoration next to words that say the
 * same, so they are hidden from screen readers.
 */

const SVG = "http://www.w3.org/2000/svg";

const PATHS = {
  check: ["M3.5 8.5l3 3 6-7"],
  chevron: ["M4 6.2l4 4 4-4"],
  clock: ["M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0z", "M8 4.7V8l2.3 1.5"],
  close: ["M4 4l8 8M12 4l-8 8"],
  copy: [
    "M6.5 5.5h6a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1h-6a1 1 0 0 1-1-1v-6a1 1 0 0 1 1-1z",
    "M10.5 5.5v-2a1 1 0 0 0-1-1h-6a1 1 0 0 0-1 1v6a1 1 0 0 0 1 1h2",
  ],
  home: ["M2.5 7.2 8 2.5l5.5 4.7v5.3a1 1 0 0 1-1 1h-9a1 1 0 0 1-1-1z", "M6.5 13.3V9.5h3v3.8"],
  info: ["M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0z", "M8 7.5v3.3M8 5.1v.1"],
  key: ["M8 5.5a3 3 0 1 1-6 0 3 3 0 0 1 6 0z", "M7.2 7.7l5.8 5.8M10.3 10.8l1.7-1.7"],
  plus: ["M8 3.2v9.6M3.2 8h9.6"],
  search: ["M11.5 7a4.5 4.5 0 1 1-9 0 4.5 4.5 0 0 1 9 0z", "M10.3 10.3l3.4 3.4"],
  up: ["M8 12.5v-9M4.5 7 8 3.5 11.5 7"],
  warning: ["M8 2.3 14.3 13.3H1.7z", "M8 6.6v3M8 11.4v.1"],
};

/** @typedef {keyof typeof PATHS} IconName */

/**
 * @param {IconName} name
 * @returns {SVGElement}
 */
export function icon(name) {
  const svg = shape("svg", { class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true" });
  for (const d of PATHS[name]) svg.append(shape("path", { d }));
  return svg;
}

/**
 * The shield with the key, as in favicon.svg.
 *
 * @returns {SVGElement}
 */
export function logo() {
  const svg = shape("svg", { class: "logo", viewBox: "0 0 32 32", "aria-hidden": "true" });
  svg.append(
    shape("path", {
      class: "logo-shield",
      d: "M16 2 4.5 6.4v8.2c0 7 4.7 12.6 11.5 15.4 6.8-2.8 11.5-8.4 11.5-15.4V6.4z",
    }),
    shape("circle", { class: "logo-key", cx: "12.4", cy: "14.6", r: "3.6" }),
    shape("path", { class: "logo-key", d: "M16 14.6h7.2v3.4M19.8 14.6V17" }),
  );
  return svg;
}

/**
 * @param {string} tag
 * @param {Record<string, string>} attributes
 * @returns {SVGElement}
 */
function shape(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
