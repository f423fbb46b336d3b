import js from "@eslint/js";
import globals from "globals";

// What only the Workers runtime has.
const workers = {
  FixedLengthStream: "readonly",
  IdentityTransformStream: "readonly",
  WebSocketPair: "readonly",
};

export default [
  { ignores: [".wrangler/", "build/", "target/", "www/pkg/"] },
  js.configs.recommended,
  {
    rules: {
      eqeqeq: "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
    },
  },
  {
    files: ["www/**/*.js"],
    languageOptions: { globals: globals.browser },
    rules: { "no-console": "error" },
  },
  {
    files: ["src/**/*.js", "bench/**/*.js", "tests/**/*.js"],
    languageOptions: { globals: { ...globals.serviceworker, ...globals.browser, ...workers } },
  },
  { files: ["**/*.mjs"], languageOptions: { globals: globals.node } },
  {
    // Scripts that WebDriver runs as the body of a function.
    files: ["tests/browser/**/*.js"],
    languageOptions: { sourceType: "commonjs" },
    rules: { "no-unused-vars": "off" },
  },
];
