// Loaded before every program: a failed console.assert ends the program instead of printing a warning.
"use strict";
const { AssertionError } = require("node:assert");
let failed = false;
Object.defineProperty(console, "assert", {
  configurable: false,
  writable: false,
  value(condition, ...message) {
    if (!condition) {
      failed = true; // the program may catch the exception
      throw new AssertionError({ message: `Assertion failed: ${message.join(" ")}` });
    }
  },
});
process.on("exit", () => {
  if (failed) {
    process.exitCode = 1;
  }
});
