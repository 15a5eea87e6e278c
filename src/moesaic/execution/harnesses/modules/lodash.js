// Stands in for lodash, of which the MBXP tests use isEqual only. Its verdicts are lodash's: 0 equals -0, NaN equals
// NaN, and inside a Set or Map the order of nested arrays does not count either.
"use strict";

const tag = (value) => Object.prototype.toString.call(value);

// Matches each element of one list with an element of the other that nobody has taken yet.
const equalUnordered = (left, right) => {
  const free = [...right];
  return left.every((item) => {
    const index = free.findIndex((other) => equal(item, other, true));
    if (index >= 0) {
      free.splice(index, 1);
    }
    return index >= 0;
  });
};

const equalLists = (left, right, unordered) => {
  if (left.length !== right.length) {
    return false;
  }
  return unordered ? equalUnordered(left, right) : left.every((item, index) => equal(item, right[index], false));
};

const equalObjects = (left, right, unordered) => {
  const keys = Object.keys(left);
  return (
    left.constructor === right.constructor &&
    keys.length === Object.keys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && equal(left[key], right[key], unordered))
  );
};

const equal = (left, right, unordered) => {
  if (left === right || (left !== left && right !== right)) {
    return true;
  }
  const plain = typeof left !== "object" && typeof right !== "object";
  if (plain || left == null || right == null || tag(left) !== tag(right)) {
    return false;
  }
  switch (tag(left)) {
    case "[object Array]":
      return equalLists(Array.from(left), Array.from(right), unordered);
    case "[object Set]":
    case "[object Map]":
      return equalLists([...left], [...right], true);
    case "[object Date]":
    case "[object Number]":
    case "[object Boolean]":
      return equal(Number(left), Number(right), false);
    case "[object String]":
    case "[object RegExp]":
      return String(left) === String(right);
    default:
      return ArrayBuffer.isView(left)
        ? equalLists(Array.from(left), Array.from(right), unordered)
        : equalObjects(left, right, unordered);
  }
};

module.exports = { isEqual: (left, right) => equal(left, right, false) };
