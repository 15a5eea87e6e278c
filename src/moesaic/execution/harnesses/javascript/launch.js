// Runs main.js, then the test, and writes a secret to standard output when both are over.
//
// The first line of standard input is the secret, the second line holds the names that the problem asks the program to
// define, and the rest is the test. If the rest is empty, the test is in test.js, which was compiled. Everything is read
// before the program is loaded. Program and test are scripts of one realm that are parsed separately: they share
// declarations, and neither can become part of the other. The test sees the built-in objects as they were before the
// program. A test without asynchronous parts ends with its last statement, even if the program left timers.
"use strict";
{
  const assert = require("node:assert");
  const fs = require("node:fs");
  const path = require("node:path");
  const vm = require("node:vm");
  const { createRequire } = require("node:module");

  const { apply, defineProperty, getOwnPropertyDescriptor, ownKeys, deleteProperty } = Reflect;
  const { is, freeze, prototype: objectPrototype } = Object;
  const exit = process.reallyExit.bind(process);
  const { writeSync } = fs;
  const later = setImmediate;
  const wait = setTimeout;
  const has = Object.hasOwn;
  const then = Promise.prototype.then;
  const stringOf = String;

  // Opened anew, because the program may close or redirect the standard streams.
  const output = fs.openSync("/proc/self/fd/1", "w");
  const errors = fs.openSync("/proc/self/fd/2", "w");
  const [, secret, names, given] = /^(.*)\n(.*)\n([^]*)$/.exec(fs.readFileSync(0, "utf8"));
  const test = given || fs.readFileSync(path.join(__dirname, "test.js"), "utf8"); // a test in TypeScript was compiled

  let failed = false;
  const fail = (error) => {
    failed = true;
    let text = "";
    try {
      text = stringOf((typeof error === "object" && error?.stack) || error);
    } catch {
      // the object cannot be printed
    }
    try {
      writeSync(errors, `Uncaught:\n${text}\n`);
    } finally {
      exit(1);
    }
  };
  const check = (condition, ...message) => {
    if (!condition) {
      failed = true; // the program may catch the exception
      throw new assert.AssertionError({ message: `Assertion failed: ${message.join(" ")}` });
    }
  };
  defineProperty(console, "assert", { value: check, configurable: false, writable: false });

  // The objects on which the test relies, as they are before the program.
  const roots = ["JSON", "Math", "Reflect", "Object", "Array", "Number", "String", "Boolean", "Symbol", "BigInt", "Function"];
  roots.push("Set", "Map", "Date", "RegExp", "Promise", "Error", "TypeError", "RangeError");
  const functions = ["parseInt", "parseFloat", "isNaN", "isFinite", "structuredClone"];
  const originals = [];
  const remember = (owner) => {
    for (const key of ownKeys(owner)) {
      const { value, get } = getOwnPropertyDescriptor(owner, key);
      if (typeof value === "function" || get !== undefined) {
        originals.push({ owner, key, descriptor: getOwnPropertyDescriptor(owner, key) });
      }
    }
  };
  for (const name of roots) {
    remember(globalThis[name]);
    if (globalThis[name].prototype) {
      remember(globalThis[name].prototype);
    }
  }
  remember(getOwnPropertyDescriptor(Array.prototype, Symbol.iterator).value.call([]).__proto__);
  const plain = [objectPrototype, Array.prototype, Number.prototype, String.prototype, Boolean.prototype];
  plain.push(Set.prototype, Map.prototype, BigInt.prototype);
  const isOriginal = ({ owner, key, descriptor }) => {
    const now = getOwnPropertyDescriptor(owner, key);
    return now !== undefined && is(now.value, descriptor.value) && is(now.get, descriptor.get);
  };
  const restore = () => {
    for (let index = 0; index < originals.length; index++) {
      const original = originals[index];
      if (!isOriginal(original)) {
        defineProperty(original.owner, original.key, original.descriptor);
      }
    }
    for (let index = 0; index < plain.length; index++) {
      deleteProperty(plain[index], "toJSON"); // otherwise all values might be written in the same way
    }
  };
  const isUntouched = () => {
    for (let index = 0; index < originals.length; index++) {
      if (!isOriginal(originals[index])) {
        return false;
      }
    }
    for (let index = 0; index < plain.length; index++) {
      if (getOwnPropertyDescriptor(plain[index], "toJSON") !== undefined) {
        return false;
      }
    }
    return true;
  };

  const finish = () => {
    if (failed || !isUntouched()) {
      fail("Error: a failed assertion was caught, or the program replaced what the test relies on");
    }
    writeSync(output, `\n${secret}\n`);
    exit(0);
  };

  // The modules that the test requires, frozen before the program can change them.
  const main = path.join(__dirname, "main.js");
  const load = createRequire(main);
  const modules = new Map();
  for (const [, , name] of test.matchAll(/\brequire\s*\(\s*(["'`])([\w@/:.-]+)\1\s*\)/g)) {
    try {
      const loaded = load(name);
      modules.set(name, loaded);
      for (const part of [loaded, loaded?.strict]) {
        if (typeof part === "function" || typeof part === "object") {
          freeze(part);
        }
      }
    } catch {
      // the test will report it
    }
  }
  const { get: loadedModule, has: isLoaded } = Map.prototype;
  const requireForTest = (name) =>
    apply(isLoaded, modules, [name]) ? apply(loadedModule, modules, [name]) : load(name);

  const consoleForTest = { __proto__: console, assert: check };
  const asynchronous =
    /\b(async|await|Promise|nextTick|queueMicrotask|setTimeout|setInterval|setImmediate)\b|\.(then|on|once)\s*\(/.test(test) ||
    // a function that is passed as an argument, but not to a method of arrays
    /(?<!\.(?:map|forEach|filter|every|some|sort|find|findIndex|flatMap|reduce))\((?:[^()]*,)?\s*(?:function\b|\([^()]*\)\s*=>|[\w$]+\s*=>)/
      .test(test.replace(/(^|[;\n])\s*\((?=\s*(function\b|\(\)\s*=>))/g, "$1"));
  const seen = { console: consoleForTest, require: requireForTest, process };
  for (const name of [...roots, ...functions]) {
    seen[name] = globalThis[name];
  }
  const defined = names.split(" ");
  const parameters = Object.keys(seen).filter((name) => !defined.includes(name));
  const values = parameters.map((name) => seen[name]);
  const runTest = vm.compileFunction("return eval(arguments[arguments.length - 1]);", parameters);

  const module_ = { exports: {}, id: ".", filename: main, loaded: false, children: [], paths: [] };
  load.main = module_;
  const globals = { require: load, module: module_, exports: module_.exports, __filename: main, __dirname };
  for (const [name, value] of Object.entries(globals)) {
    defineProperty(globalThis, name, { value, configurable: true, enumerable: false, writable: true });
  }
  process.argv[1] = main;
  process.on("uncaughtExceptionMonitor", fail);

  const runScript = vm.Script.prototype.runInThisContext;
  try {
    apply(runScript, new vm.Script(fs.readFileSync(main, "utf8"), { filename: main }), []);
    restore();
    const result = apply(runTest, undefined, [...values, test]);
    if (!asynchronous) {
      later(finish);
    } else if (typeof result?.then === "function") {
      let settled = false;
      apply(then, Promise.resolve(result), [
        () => {
          settled = true;
          wait(finish, 1000).unref(); // other asynchronous parts of the test
        },
        fail,
      ]);
      process.on("beforeExit", () => {
        if (settled) {
          finish();
        }
      });
    } else {
      process.on("beforeExit", finish);
    }
  } catch (error) {
    fail(error);
  }
}
