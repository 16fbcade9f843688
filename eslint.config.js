import js from "@eslint/js";
import globals from "globals";

const words = ["found", "told", "seen", "given", "each", "one", "kept", "asked", "known", "wanted"];

export default [
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2023, globals: { ...globals.browser } },
    rules: {
      eqeqeq: "error",
      "id-denylist": ["error", ...words],
      "max-lines-per-function": ["error", { max: 75, skipBlankLines: true, skipComments: true }],
      "no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
    },
  },
  { files: ["tests/**/*.js"], languageOptions: { globals: { ...globals.node } } },
];
