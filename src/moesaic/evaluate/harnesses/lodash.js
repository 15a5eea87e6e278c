// Stands in for lodash, of which the MBXP tests use isEqual only.
"use strict";
const { isDeepStrictEqual } = require("node:util");

// lodash compares 0 and -0 as equal, isDeepStrictEqual does not.
const isEqual = (left, right) => left === right || isDeepStrictEqual(positiveZero(left), positiveZero(right));

const positiveZero = (value) => {
  if (typeof value === "number") {
    return value + 0;
  }
  if (Array.isArray(value)) {
    return value.map(positiveZero);
  }
  return value;
};

module.exports = { isEqual };
