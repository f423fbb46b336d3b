import js from "@eslint/js";
import globals from "globals";

/** The entry, the glue and the modules that a build puts beside a Worker's own files. */
const workers = ["src/**/*.js", "tests/support/src/workers/*.js", "bench/peers/*.js"];

export default [
  { ignores: ["build/", "target/", "www/pkg/"] },
  js.configs.recommended,
  {
    rules: {
      eqeqeq: "error",
      "no-console": "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
    },
  },
  { files: ["www/**/*.js"], languageOptions: { globals: globals.browser } },
  { files: workers, languageOptions: { globals: globals.serviceworker } },
  { files: ["**/*.mjs"], languageOptions: { globals: globals.node } },
];
