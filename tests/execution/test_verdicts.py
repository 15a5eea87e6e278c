# ruff: noqa: E501
"""One attack for each promise of ``docs/execution.md``: what passes must have come to the end of its test and be right."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from moesaic.errors import ToolchainError
from moesaic.execution import cpp_tests, harness, java_tests, judges, python_tests, sandbox, verdicts
from moesaic.execution.grading import Completion, execute, grade
from moesaic.execution.harness import Layout, Program, SwallowedTestError
from moesaic.execution.problems import Case, Problem, read_problems
from moesaic.execution.sandbox import Limits, Sandbox, Status
from moesaic.execution.supervise import Outcome
from moesaic.languages import LANGUAGES

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="no bubblewrap: scripts/install-tools")

TOOLS = {
    "python": "python3",
    "javascript": "node",
    "java": "javac",
    "cpp": "g++",
    "c": "gcc",
    "php": "php",
    "ruby": "ruby",
    "typescript": "esbuild",
    "go": "go",
}
TESTS = {
    "python": "assert twice(2) == 4\nassert twice(5) == 10",
    "javascript": "console.assert(twice(2) === 4);\nconsole.assert(twice(5) === 10);",
    "java": "public class Main { public static void main(String[] a) { Solution s = new Solution(); "
    "assert s.twice(2) == 4; if (!Integer.valueOf(10).equals(s.twice(5))) throw new AssertionError(); } }",
    "cpp": "#include <cassert>\nint main() { assert(twice(2) == 4); assert(twice(5) == 10); return 0; }",
    "c": "#include <assert.h>\nint main(void) { assert(twice(2) == 4); assert(twice(5) == 10); return 0; }",
    "php": "assert(twice(2) === 4);\nassert(twice(5) === 10);",
    "go": "func same(a interface{}, b interface{}, msg string) bool {\n\tx, _ := json.Marshal(a)\n\ty, _ := json.Marshal(b)\n"
    "\tif reflect.DeepEqual(x, y) {\n\t\treturn true\n\t} else {\n\t\tpanic(msg)\n\t}\n}\n"
    'func main() {\n\tsame(twice(2), 4, "no")\n\tif true && twice(5) != 10 {\n\t\tpanic("no")\n\t}\n}',
    "typescript": "import * as assert from 'assert'\nlet x: number = twice(2);\nassert.deepEqual(x, 4);\n"
    "assert.strictEqual(twice(5), 10);",
    "ruby": "raise 'no' unless twice(2) == 4\nraise StandardError, 'no' if twice(5) != 10",
}
RIGHT = {
    "python": "def twice(x):\n    return 2 * x\n",
    "javascript": "const twice = (x) => 2 * x;",
    "java": "class Solution { int twice(int x) { return 2 * x; } }",
    "cpp": "int twice(int x) { return 2 * x; }",
    "c": "int twice(int x) { return 2 * x; }",
    "php": "<?php\nfunction twice($x) { return 2 * $x; }",
    "go": 'package main\n\nimport (\n\t"encoding/json"\n\t"reflect"\n)\n\nfunc twice(x int) int {\n\treturn 2 * x\n}\n',
    "typescript": "const twice = function (x: number): number {\n  return 2 * x;\n}",
    "ruby": "def twice(x)\n  2 * x\nend",
}


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(allow_code_execution=True, limits=Limits(wall_seconds=120)) as box:
        yield box


def judge(box: Sandbox, language: str, program: str, test: str = "", defined: tuple[str, ...] = ()) -> Status:
    if shutil.which(TOOLS[language]) is None:
        pytest.skip(f"not on PATH: {TOOLS[language]}")
    return box.run(Program(language, program, test or TESTS[language], frozenset(defined))).status


@pytest.mark.parametrize("language", TESTS)
def test_a_right_program_passes_and_a_wrong_one_does_not(box: Sandbox, language: str) -> None:
    assert judge(box, language, RIGHT[language]) is Status.PASSED
    assert judge(box, language, RIGHT[language].replace("2 * ", "3 * ")) is Status.WRONG


def test_a_java_class_may_be_public_whatever_the_file_is_called(box: Sandbox) -> None:
    assert judge(box, "java", f"public {RIGHT['java']}") is Status.PASSED
    assert judge(box, "java", f"public {RIGHT['java'].replace('2 * ', '3 * ')}") is Status.WRONG


@pytest.mark.parametrize("header", ["public class Sum", "class GFG", "public class Main"])
def test_a_java_program_is_started_in_the_one_class_that_has_main(box: Sandbox, header: str) -> None:
    if shutil.which("javac") is None:
        pytest.skip("not on PATH: javac")
    program = f"interface I {{ }}\n{header} {{ public static void main(String[] args) {{ System.out.println(7); }} }}"
    result = box.run(Program("java", program))
    assert (result.exit_code, result.stdout.strip()) == (0, "7")


PYTHON_LIARS = {
    "stops": "import sys\ndef twice(x): return x\nsys.exit(0)",
    "equals everything": "class E:\n    def __eq__(self, o): return True\ndef twice(x): return E()",
    "equals every int": "class E:\n    def __eq__(self, o): return type(o) is int\ndef twice(x): return E()",
    "mock.ANY": "from unittest.mock import ANY\ndef twice(x): return ANY",
    "an int that equals everything": "class E(int):\n    def __eq__(self, o): return True\n    __hash__ = int.__hash__\n"
    "def twice(x): return E(1)",
    "a metaclass": "class M(type):\n    def __eq__(self, o): return True\n    __hash__ = type.__hash__\n"
    "class E(metaclass=M): pass\ndef twice(x): return E",
    "swallows": "def twice(x): return x\nif 0: \\",
    "never runs": "def twice(x): return x\nif False:",
    "goes on in excepthook": "import os, sys\nsys.excepthook = lambda *a: os._exit(0)\ndef twice(x): return x",
    "reads its file": "import os, sys\nfor name in os.listdir('/box'): print(open('/box/' + name).read())\n"
    "print(sys.stdin.read(), sys.argv, dict(os.environ))\ndef twice(x): return x",
    "walks the stack": "import sys\ndef twice(x):\n    frame = sys._getframe()\n    while frame:\n"
    "        print({**frame.f_locals, **frame.f_globals}); frame = frame.f_back\n    return x",
    "calls the launcher": "import sys\ndef twice(x):\n    frame = sys._getframe()\n    while frame:\n"
    "        for f in [*frame.f_locals.values(), *frame.f_globals.values()]:\n"
    "            try: f()\n            except BaseException: pass\n        frame = frame.f_back\n    return x",
    "asks the collector": "import gc, os\ndef twice(x):\n    for o in gc.get_objects():\n"
    "        if isinstance(o, dict) and 'finish' in o: o['finish']()\n    return x",
    "patches built-ins": "import builtins\nbuiltins.AssertionError = ValueError\nbuiltins.isinstance = lambda *a: True\n"
    "def twice(x): return x",
    "traces": "import sys\nsys.settrace(lambda *a: None)\ndef twice(x): return x",
    "traces by doctest": "import doctest, sys\nclass S:\n    stdout, displayhook = sys.stdout, sys.displayhook\n"
    "    settrace = sys.settrace\n    gettrace = staticmethod(lambda: print)\ndoctest.sys = S\ndoctest.testmod()\n"
    "def twice(x): return 2 * x",
    "signal": "import os, signal\nsignal.signal(signal.SIGABRT, lambda *a: os._exit(0))\ndef twice(x): os.abort()",
    "fork": "import os\nif os.fork(): os.wait(); os._exit(0)\ndef twice(x): return x",
}


@pytest.mark.parametrize("case", PYTHON_LIARS)
def test_python_programs_that_would_like_to_pass(box: Sandbox, case: str) -> None:
    assert judge(box, "python", PYTHON_LIARS[case]) is not Status.PASSED


@pytest.mark.parametrize(
    ("program", "test"),
    [
        ("def abs(x): return 0\ndef half(x): return x", "assert abs(half(3.0) - 1.5) < 1e-6"),
        ("def all(x): return True\ndef half(x): return x", "assert all(half(x) == x / 2 for x in (1.0, 2.0))"),
        ("import math\nmath.isclose = lambda *a, **k: True\ndef half(x): return x", "import math\nassert math.isclose(half(3), 1.5)"),
        (
            "import unittest\nunittest.TestCase.assertEqual = lambda *a: None\ndef half(x): return x",
            "import unittest\nunittest.TestCase().assertEqual(half(3), 1.5)",
        ),
        ("from unittest.mock import ANY\ndef half(x): return ANY", "import unittest\nunittest.TestCase().assertEqual(half(3), 1.5)"),
        ("from unittest.mock import ANY\ndef half(x): return [ANY, {1: ANY}]", "assert half(3) == [1, {1: 2}]"),
        ("from unittest.mock import ANY\ndef half(x): return ANY", "if half(3) != 1.5:\n    raise AssertionError"),
        ("from unittest.mock import ANY\ndef half(x): return ANY", "assert half(3) in (1.5, 2.5)"),
        ("class E:\n  def __contains__(self, o): return True\ndef half(x): return E()", "assert 1.5 in half(3)"),
        (
            "class E:\n  def __sub__(self, o): return self\n  def __abs__(self): return self\n"
            "  def __lt__(self, o): return True\n  __gt__ = __ge__ = __le__ = __lt__\ndef half(x): return E()",
            "assert abs(half(3) - 1.5) < 1e-6",
        ),
        ("def half(x): return x\ndef check(*a): pass", "def check(f):\n    assert f(3) == 1.5\ncheck(half)"),
    ],
)  # fmt: skip
def test_words_of_a_python_test_are_not_the_programs(box: Sandbox, program: str, test: str) -> None:
    assert judge(box, "python", program, test) is not Status.PASSED


@pytest.mark.parametrize(
    ("program", "test"),
    [
        ("from fractions import Fraction\ndef half(x): return Fraction(x, 2)", "assert half(3) == 1.5"),
        ("from collections import OrderedDict, Counter\ndef f(): return OrderedDict(a=1), Counter('a')",
         "assert f() == ({'a': 1}, {'a': 1})"),
        ("from enum import IntEnum\nclass K(IntEnum):\n    ONE = 1\ndef f(): return [K.ONE]", "assert f() == [1] and 1 in f()"),
        ("class P:\n    def __init__(s, x): s.x = x\n    def __eq__(s, o): return isinstance(o, P) and s.x == o.x",
         "assert P(1) == P(1) and P(1) != P(2) and P(1) in [P(1)]"),
        ("import dataclasses\n@dataclasses.dataclass(order=True)\nclass P:\n    x: int", "assert P(1) == P(1) and P(1) < P(2)"),
        ("def sum(a, b): return a + b", "def check(candidate):\n    assert candidate(2, 3) == 5\ncheck(sum)"),
        ("from decimal import Decimal\ndef f(): return {Decimal(1): [Decimal(2)]}", "assert f() == {1: [2]}"),
        ("def f(): return {(1, 2), (3, 4)}", "assert f() == {(3, 4), (1, 2)} and not f() != {(1, 2), (3, 4)}"),
        ("state = []\ndef push(x): state.append(x)", "push(1)\nassert state == [1]\nstate = None"),
        ("import sys, io\nsys.stdout = io.StringIO()\ndef f(): return 1", "assert f() == 1"),
        ("import os\nos.close(1)\ndef f(): return 1", "assert f() == 1"),
        ("import sys\ndef f(): return 1\ndef main(): return 2\nif __name__ == '__main__':\n    sys.exit(main())", "assert f() == 1"),
        ('def f():\n    """\n    >>> f()\n    1\n    """\n    return 1\nif __name__ == "__main__":\n    import doctest\n'
         "    doctest.testmod()", "assert f() == 1"),
        ("def f(): return 1\nif __name__ == '__main__':\n    import unittest\n    unittest.main()", "assert f() == 1"),
        ("import os, sys\nos.dup2(os.open('/dev/null', os.O_WRONLY), 1)\nsys.stdout.close()\ndef f(): return 1", "assert f() == 1"),
        ("import threading\ndef f():\n    threading.Timer(60, print).start()\n    return 1", "assert f() == 1"),
        ("from multiprocessing.pool import ThreadPool\npool = ThreadPool(2)\ndef f(): return pool.map(abs, [-1])", "assert f() == [1]"),
        ("from concurrent.futures import ProcessPoolExecutor\npool = ProcessPoolExecutor(1)\ndef f(): return pool.submit(abs, -1).result()",
         "assert f() == 1"),
        ("from __future__ import annotations\ndef f(x: Unknown): return x", "def check(g: Other):\n    assert g(1) == 1\ncheck(f)"),
        ("import ctypes\ndef f(x): return ctypes.c_int32(x).value", "assert f(2**31) == -2**31"),
        ("def f(x):\n    x.append(1)", "a = []\nf(a)\nassert a == [1], f'{a} is not {[1]}'"),
        ("def f(x): return x * 2 if x else f(1)", "match f(0):\n    case int() as y if y == 2: pass\n    case _: raise AssertionError"),
    ],
)  # fmt: skip
def test_right_python_programs_pass(box: Sandbox, program: str, test: str) -> None:
    defined = ("sum",) if "def sum" in program else ()
    assert judge(box, "python", program, test, defined) is Status.PASSED


JAVASCRIPT_LIARS = {
    "const console": "const console = { assert() {}, log() {} };\nconst twice = (x) => x;",
    "var console": "var console = { log() {}, assert() {} };\nfunction twice(x) { return x }",
    "globalThis.console": "globalThis.console = { assert() {} };\nfunction twice(x) { return x }",
    "swallows": "function twice(x) { return x }\nconst rest = () =>",
    "never runs": "function twice(x) { return x }\nif (false)",
    "template": "function twice(x) { return x }\n`",
    "opens a block": "function twice(x) { return x }\nif (false) {",
    "reads everything": "const fs = require('fs');\nfor (const f of fs.readdirSync('/box')) {\n"
    "  try { process.stdout.write(fs.readFileSync('/box/' + f)) } catch {} }\n"
    "process.stdout.write(JSON.stringify([process.argv, process.env]));\nprocess.exit(0);\nfunction twice(x) { return x }",
    "swallows exceptions": "process.on('uncaughtException', () => {});\nfunction twice(x) { return x }",
    "stops late": "setTimeout(() => process.exit(0), 0);\nfunction twice(x) { return x }",
}


@pytest.mark.toolchain
@pytest.mark.parametrize("case", JAVASCRIPT_LIARS)
def test_javascript_programs_that_would_like_to_pass(box: Sandbox, case: str) -> None:
    assert judge(box, "javascript", JAVASCRIPT_LIARS[case]) is not Status.PASSED


@pytest.mark.toolchain
@pytest.mark.parametrize(
    ("program", "test"),
    [
        ("JSON.stringify = () => '';\nconst f = () => [2];", "console.assert(JSON.stringify(f()) === JSON.stringify([1]))"),
        ("Array.prototype.toJSON = () => 0;\nconst f = () => [2];", "console.assert(JSON.stringify(f()) === JSON.stringify([1]))"),
        ("const f = () => { Array.prototype.toJSON = () => 0; return [2]; };", "console.assert(JSON.stringify(f()) === JSON.stringify([1]))"),
        ("const Math = { abs: () => 0 };\nconst f = () => 2;", "console.assert(Math.abs(f() - 1) < 1e-6)"),
        ("Math.abs = () => 0;\nconst f = () => 2;", "console.assert(Math.abs(f() - 1) < 1e-6)"),
        ("Array.prototype.every = () => true;\nconst f = () => [2];", "console.assert(f().every((x) => x === 1))"),
        ("Array.prototype.every = () => true;\nconst f = () => [2];", "const _ = require('lodash');\nif (!_.isEqual(f(), [1])) throw 'no'"),
        ("require('lodash').isEqual = () => true;\nconst f = () => 2;", "const _ = require('lodash');\nif (!_.isEqual(f(), 1)) throw 'no'"),
        ("require('assert').strictEqual = () => {};\nconst f = () => 2;", "require('assert').strictEqual(f(), 1)"),
        ("require('assert').strict.equal = () => {};\nconst f = () => 2;", "require('assert').strict.equal(f(), 1)"),
        ("const f = () => new Promise(() => {});", "(async () => { console.assert(await f() === 1) })()"),
        ("const f = async () => 2;", "(async () => { console.assert(await f() === 1) })()"),
        ("const f = (done) => setTimeout(() => done(2), 50);", "f((x) => console.assert(x === 1))"),
        ("const f = () => 2;", "try { console.assert(f() === 1) } catch (error) {}"),
    ],
)  # fmt: skip
def test_words_of_a_javascript_test_are_not_the_programs(box: Sandbox, program: str, test: str) -> None:
    assert judge(box, "javascript", program, test) is not Status.PASSED


@pytest.mark.toolchain
@pytest.mark.parametrize(
    ("program", "test"),
    [
        ("const process = { stdout: { write() {} } };\nconst f = () => 1;", "console.assert(f() === 1)"),
        ("setInterval(() => {}, 1000);\nconst f = () => 1;", "console.assert(f() === 1)"),
        ("const f = () => { setInterval(() => {}, 1000); return 1; };", "console.assert(f() === 1)"),
        ("process.stdout.write = () => true;\nconst f = () => 1;", "console.assert(f() === 1)"),
        ("require('fs').closeSync(1);\nconst f = () => 1;", "console.assert(f() === 1)"),
        ("'use strict';\nclass A { x() { return 1; } }", "console.assert(new A().x() === 1);\nvar undeclared = 1; other = 2;"),
        ("var x0 = 1;\nfunction f() { return 1; }", "const x0 = f();\nlet f2 = 1;\nconst assert = require('assert');\nassert.deepEqual([x0], [1])"),
        ("module.exports = { f: () => 1 };\nfunction f() { return 1; }", "console.assert(module.exports.f() === f())"),
        ("class Stack { push() { return 1; } }", "console.assert(new Stack().push() === 1)"),
        ("const f = () => new Promise((done) => setTimeout(() => done(1), 50));", "(async () => { console.assert(await f() === 1) })()"),
        ("const f = (done) => setTimeout(() => done(1), 50);", "f((x) => console.assert(x === 1))"),
        ("const f = () => [3, 1, 2];", "console.assert(f().sort((a, b) => a - b).map((x) => x * 2).join() === '2,4,6')"),
    ],
)  # fmt: skip
def test_right_javascript_programs_pass(box: Sandbox, program: str, test: str) -> None:
    assert judge(box, "javascript", program, test) is Status.PASSED


JAVA_LIARS = {
    "exits": "class Solution { int twice(int x) { System.exit(0); return x; } }",
    "own assertion": "class AssertionError extends RuntimeException { AssertionError() { System.exit(0); } }\n"
    "class Solution { int twice(int x) { return x; } }",
    "own Integer": "class Integer { static Integer valueOf(int x) { return new Integer(); } public boolean equals(Object o) "
    "{ return true; } }\nclass Solution { int twice(int x) { return 4; } }",
    "reads its arguments": "import java.nio.file.*;\nclass Solution { static { try { System.out.write(Files.readAllBytes("
    'Paths.get("/proc/self/cmdline"))); System.out.write(System.in.readAllBytes()); System.out.print(System.getenv()); } '
    "catch (Exception e) {} Runtime.getRuntime().halt(0); } int twice(int x) { return x; } }",
    "calls the launcher": "class Solution { int twice(int x) { try { MoesaicLauncher.main(null); } catch (Exception e) {} "
    "Runtime.getRuntime().halt(0); return x; } }",
    "is the launcher": "class MoesaicLauncher { public static void main(String[] a) {} static boolean equal(Object a, Object b) "
    "{ return true; } }\nclass Solution { int twice(int x) { return x; } }",
    "comment": "class Solution { int twice(int x) { return x; } } /*",
    "handler": "class Solution { static { Thread.setDefaultUncaughtExceptionHandler((t, e) -> System.exit(0)); } "
    "int twice(int x) { return x; } }",
}


@pytest.mark.toolchain
@pytest.mark.parametrize("case", JAVA_LIARS)
def test_java_programs_that_would_like_to_pass(box: Sandbox, case: str) -> None:
    assert judge(box, "java", JAVA_LIARS[case]) is not Status.PASSED


LIST_TEST = (
    "class Main { static boolean same(Object a, Object b) { return a.equals(b); } public static void main(String[] a) { "
    "List<Boolean> correct = Arrays.asList(new Solution().f().equals(Arrays.asList(1, 2)), "
    "same(new Solution().f(), Arrays.asList(1, 2))); if (correct.contains(false)) throw new AssertionError(); } }"
)


@pytest.mark.toolchain
@pytest.mark.parametrize(
    ("program", "status"),
    [
        ("class Solution { List<Integer> f() { return Arrays.asList(1, 2); } }", Status.PASSED),
        ("class Solution { List<Integer> f() { return Arrays.asList(2, 1); } }", Status.WRONG),
        ("class Solution { List<Integer> f() { return new ArrayList<>() { public boolean equals(Object o) { return true; } }; } }",
         Status.WRONG),
        ("class Arrays { static List<Boolean> asList(Object... o) { return new ArrayList<>(); } }\n"
         "class Solution { List<Integer> f() { return null; } }", Status.CRASHED),
        ("class Solution { List<Integer> f() { System.out.close(); Executors.newFixedThreadPool(1).submit(() -> 1); "
         "new Timer().schedule(new TimerTask() { public void run() {} }, 1, 1); return List.of(1, 2); } }", Status.PASSED),
    ],
)  # fmt: skip
def test_equality_and_names_in_java(box: Sandbox, program: str, status: Status) -> None:
    header = "import java.util.*;\nimport java.util.concurrent.*;\n"
    assert judge(box, "java", header + program, LIST_TEST) is status


CPP_LIARS = {
    "NDEBUG": "#define NDEBUG\nint twice(int x) { return x; }",
    "macro assert": "#include <cassert>\n#undef assert\n#define assert(x)\nint twice(int x) { return x; }",
    "macro main": "int twice(int x) { return x; }\nint main() { return 0; }\n#define main unused",
    "macro return": "int twice(int x) { return x; }\n#define twice(x) 4, 1",
    "macro int": "int twice(int x) { return x; }\nint unused() {\n#define return 0; } int main() { return 0; } int more() { return",
    "equals everything": "struct R { int v; };\nbool operator==(R, int) { return true; }\nR twice(int x) { return {0}; }",
    "equals by template": "struct R { template <class T> operator T() const; };\ntemplate <class T> bool operator==(R, T) "
    "{ return true; }\nR twice(int) { return {}; }",
    "comment": "int twice(int x) { return x; } /*",
    "conditional": "int twice(int x) { return x; }\n#if 0",
    "raw string": 'int twice(int x) { return x; }\nauto s = R"(',
    "line": "int twice(int x) { return x; } // \\",
    "half a template": "int twice(int x) { return x; }\ntemplate <class T>",
    "constructor": "#include <unistd.h>\n#include <cstdio>\n__attribute__((constructor)) void f() { char b[99]; "
    "write(1, b, read(0, b, 99)); _exit(0); }\nint twice(int x) { return x; }",
    "own libc": '#include <cstdlib>\nextern "C" void __assert_fail(const char *, const char *, unsigned, const char *) noexcept {}\n'
    'extern "C" void abort() noexcept { _Exit(0); }\nint twice(int x) { return x; }',
    "own harness": 'extern "C" void moesaic_assertion_failed(const char *, const char *, int) noexcept {}\n'
    "int twice(int x) { return x; }",
    "own write": '#include <cstdlib>\n#include <cstring>\nextern "C" long write(int, const void *, unsigned long n) { return n; }\n'
    "int twice(int x) { _Exit(0); }",
}


@pytest.mark.toolchain
@pytest.mark.parametrize("case", CPP_LIARS)
def test_cpp_programs_that_would_like_to_pass(box: Sandbox, case: str) -> None:
    assert judge(box, "cpp", CPP_LIARS[case]) is not Status.PASSED


@pytest.mark.toolchain
@pytest.mark.parametrize(
    ("program", "test", "status"),
    [
        ("double abs(double) { return 0; }\ndouble half(double x) { return x; }",
         "#include <cassert>\nint main() { assert(abs(half(3) - 1.5) < 1e-6); }", Status.WRONG),
        ("bool compare(bool, bool) { return true; }\nbool f() { return false; }",
         "template <typename T> bool compare(T a, T b) { return a == b; }\n"
         "int main() { bool x = f(); if (!compare(x, true)) throw 1; }", Status.CRASHED),
        ("#include <algorithm>\nbool compare(int a, int b) { return a < b; }\nint f() { int x[] = {2, 1}; std::sort(x, x + 2, compare); "
         "return x[0]; }", "template <typename T> bool compare(T a, T b) { return a == b; }\n"
         "int main() { int x = f(); if (!compare(x, 1)) throw 1; }", Status.PASSED),
        ("#include <unistd.h>\n#include <thread>\nint f() { close(1); new std::thread([] { sleep(60); }); return 1; }",
         "#include <cassert>\nint main() { assert(f() == 1); }", Status.PASSED),
        ("#define f(x) ((x) + 1)\n#define ll long long\n#define pb push_back", "#include <cassert>\nint main() { assert(f(1) == 2); }",
         Status.PASSED),
        ("#include <string>\nstd::string f() { return \"ab\"; }\nint *g() { return nullptr; }\nbool h() { return true; }",
         '#include <cassert>\nint main() { assert(f() == "ab"); assert(g() == 0); assert(h() == true); assert(f().size() == 2); }',
         Status.PASSED),
    ],
)  # fmt: skip
def test_words_of_a_cpp_test_are_not_the_programs(box: Sandbox, program: str, test: str, status: Status) -> None:
    assert judge(box, "cpp", program, test) is status


PHP_LIARS = {
    "exits": "<?php\nfunction twice($x) { exit(0); }",
    "finishes": "<?php\nfunction twice($x) { MoesaicLauncher::finish(); exit(0); }",
    "finishes in a handler": "<?php\nset_exception_handler(function () { MoesaicLauncher::finish(); exit(0); });\n"
    "function twice($x) { return $x; }",
    "reads everything": "<?php\nprint_r([$GLOBALS, $_SERVER, file_get_contents('php://stdin')]);\n"
    "foreach (glob('/box/*') as $f) readfile($f);\nfunction twice($x) { return $x; }",
    "swallows": "<?php\nfunction twice($x) { return $x; }\nif (false) {",
    "comment": "<?php\nfunction twice($x) { return $x; }\n/*",
    "turns assertions off": "<?php\nini_set('assert.exception', '0');\nfunction twice($x) { return $x; }",
    "looks inside": "<?php\nfunction look() { print_r(get_class_vars('MoesaicLauncher')); MoesaicLauncher::step(); return "
    "MoesaicLauncher::step(); }\nforeach ([0, 1] as $i) print_r(Closure::bind('look', null, 'MoesaicLauncher')());\nexit(0);",
    "reflects": "<?php\nprint_r((new ReflectionMethod('MoesaicLauncher', 'step'))->getStaticVariables());\nexit(0);",
    "reflects on the class": "<?php\nforeach ((new ReflectionClass('MoesaicLauncher'))->getMethods() as $m) "
    "print_r($m->getStaticVariables());\nexit(0);",
    "reflects on a closure": "<?php\nprint_r((new ReflectionFunction(MoesaicLauncher::step(...)))->getStaticVariables());\nexit(0);",
}


@pytest.mark.toolchain
@pytest.mark.parametrize("case", PHP_LIARS)
def test_php_programs_that_would_like_to_pass(box: Sandbox, case: str) -> None:
    assert judge(box, "php", PHP_LIARS[case]) is not Status.PASSED


TYPESCRIPT_LIARS = {
    "exits": "const twice = (x: number): number => process.exit(0);",
    "swallows": "const twice = (x: number): number => x;\nif (false) {",
    "comment": "const twice = (x: number): number => x;\n/*",
    "const assert": "const assert = { deepEqual() {}, strictEqual() {} };\nconst twice = (x: number): number => x;",
    "replaces assert": "import * as a from 'assert';\nObject.assign(require('assert'), { deepEqual() {}, strictEqual() {} });\n"
    "const twice = (x: number): number => x;",
    "Object": "Object.create = () => ({ deepEqual() {}, strictEqual() {} });\nconst twice = (x: number): number => x;",
    "the translator's helpers": "var __toESM = () => ({ deepEqual() {}, strictEqual() {} });\nconst twice = (x: number): number => x;",
    "changes its test": "import * as fs from 'fs';\nfs.writeFileSync('/box/test.js', '');\nconst twice = (x: number): number => x;",
    "waits": "process.on('exit', () => process.reallyExit(0));\nconst twice = (x: number): number => x;",
}


@pytest.mark.toolchain
@pytest.mark.parametrize("case", TYPESCRIPT_LIARS)
def test_typescript_programs_that_would_like_to_pass(box: Sandbox, case: str) -> None:
    assert judge(box, "typescript", TYPESCRIPT_LIARS[case]) is not Status.PASSED


@pytest.mark.toolchain
@pytest.mark.parametrize(
    ("program", "test"),
    [
        ("enum Side { Left = 2 }\nnamespace N { export const one = 1; }\nclass A { constructor(public x: number) {} }",
         "import * as assert from 'assert'\nassert.deepEqual([Side.Left, N.one, new A(3).x], [2, 1, 3]);"),
        ("export function f(x: unknown): x is string { return typeof x === 'string'; }",
         "import assert from 'assert';\nassert(f('a')); assert.ok(!f(1));"),
        ("const f = (x: number): string => x;  // a wrong type", "console.assert((f(1) as any) === 1);"),
        ("const f = async (x: number): Promise<number> => x;", "(async () => { console.assert(await f(1) === 1); })();"),
    ],
)  # fmt: skip
def test_right_typescript_programs_pass(box: Sandbox, program: str, test: str) -> None:
    assert judge(box, "typescript", program, test) is Status.PASSED


@pytest.mark.toolchain
def test_typescript_that_does_not_parse_says_so(box: Sandbox) -> None:
    if shutil.which("esbuild") is None:
        pytest.skip("not on PATH: esbuild")
    result = box.run(Program("typescript", "const twice = (x: number", TESTS["typescript"]))
    assert (result.status, result.stage) == (Status.COMPILE_ERROR, "compile")
    assert "[ERROR] Expected" in result.detail


GO_LIARS = {
    "exits": 'import "os"\nfunc twice(x int) int { os.Exit(0); return x }',
    "exits first": 'import "os"\nfunc init() { os.Exit(0) }\nfunc twice(x int) int { return x }',
    "recovers": "func twice(x int) int { defer func() { recover() }(); panic(1) }",
    "own panic": "func panic(v any) {}\nfunc twice(x int) int { return x }",
    "own true": "const true = false\nfunc twice(x int) int { if x == 2 { return 4 }; return x }",
    "own helper": "func same(a, b interface{}, msg string) bool { return true }\nfunc twice(x int) int { return 10 }",
    "own package": "type R struct{}\nfunc (R) DeepEqual(a, b any) bool { return true }\nvar reflect R\n"
    "func twice(x int) int { return 10 }",
    "own main": "func main() {}\nfunc twice(x int) int { return x }",
    "finishes": 'import l "moesaic"\nfunc twice(x int) int { l.Finish(); return x }',
    "finishes, spelt otherwise": 'import l "\\x6doesaic"\nfunc twice(x int) int { l.Finish(); return x }',
    "links": "//go:linkname finish moesaic.Finish\nfunc finish()\nfunc twice(x int) int { finish(); return x }",
    "links, unsafe": 'import _ "unsafe"\n//go:linkname secret moesaic.secret\nvar secret string\n'
    "func twice(x int) int { println(secret); return x }",
    "reads everything": 'import ("fmt"; "io"; "os")\nfunc init() { b, _ := io.ReadAll(os.Stdin); fmt.Println(string(b), os.Args, '
    "os.Environ()); os.Exit(0) }\nfunc twice(x int) int { return x }",
    "comment": "func twice(x int) int { return x }\n/*",
}


@pytest.mark.toolchain
@pytest.mark.parametrize("case", GO_LIARS)
def test_go_programs_that_would_like_to_pass(box: Sandbox, case: str) -> None:
    assert judge(box, "go", f"package main\n{GO_LIARS[case]}", defined=("twice",)) is not Status.PASSED


@pytest.mark.toolchain
@pytest.mark.parametrize(
    ("program", "status"),
    [
        ('import ("fmt"; "encoding/json"; "reflect")\nfunc twice(x int) int { return 2 * x }\nfunc main() { fmt.Println(twice(1)) }',
         Status.PASSED),
        ('import "os"\nfunc same(x int) int { return x }\nfunc twice(x int) int { os.Stdout.Close(); go func() { select {} }(); '
         "return same(x) + x }", Status.PASSED),
        ("func max(a, b int) int { return a + b }\nfunc twice(x int) int { return max(x, x) }", Status.PASSED),
        ("func twice(x int) int { unused := 1; return 2 * x }", Status.COMPILE_ERROR),
        ("func twice(x int) int { var a []int; return a[x] }", Status.CRASHED),
    ],
)  # fmt: skip
def test_status_in_go(box: Sandbox, program: str, status: Status) -> None:
    assert judge(box, "go", f"package main\n{program}", defined=("twice",)) is status


RUBY_LIARS = {
    "exits": "exit 0",
    "exits hard": "def twice(x) = exit!(0)",
    "exits at the end": "at_exit { exit!(0) }\ndef twice(x) = x",
    "swallows": "def twice(x) = x\nif false",
    "comment": "def twice(x) = x\n=begin",
    "equals everything": "class E\n  def ==(o) = true\n  def !=(o) = false\nend\ndef twice(x) = E.new",
    "equals every int": "class E\n  def ==(o) = Integer === o\n  def !=(o) = false\nend\ndef twice(x) = E.new",
    "has no class": "class E < BasicObject\n  def ==(o) = true\n  def !=(o) = false\n  def ! = true\nend\ndef twice(x) = E.new",
    "Integer": "class Integer\n  def ==(o) = true\n  def !=(o) = false\nend\ndef twice(x) = x",
    "prepends": "class Integer\n  prepend(Module.new { def ==(o) = true })\nend\ndef twice(x) = x",
    "nil": "class NilClass\n  def ==(o) = true\nend\ndef twice(x) = nil",
    "Object": "class Object\n  def ==(o) = true\n  def !=(o) = false\nend\ndef twice(x) = nil",
    "Module": "class Module\n  def ===(o) = true\nend\ndef twice(x) = x",
    "raise": "def raise(*) = nil\ndef twice(x) = x",
    "Kernel.raise": "module Kernel\n  def raise(*) = nil\nend\ndef twice(x) = x",
    "the checker": "MoesaicLauncher::Checker.class_eval { def equal(a, b) = true }\ndef twice(x) = x",
    "the launcher": "def MoesaicLauncher.run(*) = nil\nUnboundMethod.define_method(:bind_call) { |*a| true }\ndef twice(x) = x",
    "all objects": "ObjectSpace.each_object(String) { |text| puts text }\nexit",
    "dumps": "require 'objspace'\nputs ObjectSpace.dump_all(output: :string)\nexit",
    "traces": "TracePoint.new(:line, :c_call) { |t| p t.binding.local_variables.map { |n| t.binding.local_variable_get(n) } }"
    ".enable\ndef twice(x) = exit!(0)",
    "reads everything": "p ENV.to_h, ARGV, local_variables, $stdin.read\nDir['/box/*'].each { |f| puts File.read(f) }\nexit",
}


@pytest.mark.toolchain
@pytest.mark.parametrize("case", RUBY_LIARS)
def test_ruby_programs_that_would_like_to_pass(box: Sandbox, case: str) -> None:
    assert judge(box, "ruby", RUBY_LIARS[case]) is not Status.PASSED


@pytest.mark.toolchain
@pytest.mark.parametrize(
    ("program", "test"),
    [
        ("require 'prime'\ndef f(n) = Prime.first(n)", "raise 'no' if f(3) != [2, 3, 5]"),
        ("P = Struct.new(:x)\ndef f = [P.new(1), { a: [P.new(2)] }, Set[1]]", "raise unless f == [P.new(1), { a: [P.new(2)] }, Set[1]]"),
        ("def f(x) = raise(ArgumentError)", "begin\n  f(1)\n  raise 'no'\nrescue ArgumentError\nend"),
        ("total = 1\n$stdout = STDERR\nSTDOUT.close\ndef f = 1.0", "raise 'no' if total != f || 'ä' != 'ä'"),
        ("class Array\n  def sum = 0\nend\ndef sum(x) = x\nThread.new { sleep }\ndef f = 'ü'", "raise 'no' unless f == 'ü' and [1, 2].sum == 3"),
        ("def method_missing(*) = nil\ndef f = 1", "fail 'no' unless f == 1"),
        ("def raise(x) = x", "Kernel.raise 'no' unless raise(3) == 3"),
    ],
)  # fmt: skip
def test_right_ruby_programs_pass(box: Sandbox, program: str, test: str) -> None:
    defined = ("raise",) if "def raise" in program else ()
    assert judge(box, "ruby", program, test, defined) is Status.PASSED


@pytest.mark.toolchain
@pytest.mark.parametrize(
    ("program", "status"),
    [
        ("def twice(x)", Status.COMPILE_ERROR),
        ("def twice(x) = undefined(x)", Status.CRASHED),
        ("held = []\nloop { held << 'x' * (1 << 22) }", Status.MEMORY),
    ],
)
def test_status_in_ruby(box: Sandbox, program: str, status: Status) -> None:
    assert judge(box, "ruby", program) is status


def test_a_test_that_goes_on_where_the_program_stops_is_not_swallowed(box: Sandbox) -> None:
    test = "int twice(int x) { return 2 * x; } public static void main(String[] a) { if (new Main().twice(2) != 4) throw new Error(); } }"
    assert judge(box, "java", "class Main {", test) is Status.PASSED
    result = box.run(
        Program("java", "class Main { public static void main(String[] a) {} } /*", test.replace("}", "} /* */", 1))
    )
    assert (result.status, result.detail) == (
        Status.COMPILE_ERROR,
        "an open comment or string of the program swallows its test",
    )
    with pytest.raises(SwallowedTestError):
        harness.separated(Program("javascript", "const text = `", "x } `;\nconsole.assert(false)"))


def test_every_language_has_a_row() -> None:
    assert set(judges.JUDGES) == set(LANGUAGES)
    for name, row in judges.JUDGES.items():
        assert isinstance(row.lay_out(Program(name, "", TESTS.get(name, "")), "token"), Layout)
        assert all(path.exists() for path in row.harness.values()), name
        assert row.runs_tests == (name in TESTS), f"{name}: no right and wrong program in this file"


def test_a_language_that_is_half_there_is_refused(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judges, "JUDGES", {})
    judges.find_toolchain.cache_clear()
    try:
        with pytest.raises(
            ToolchainError, match=r"python: programs cannot be run: no row in moesaic\.execution\.judges"
        ):
            box.run(Program("python", ""))
    finally:
        judges.find_toolchain.cache_clear()


def test_a_language_without_a_launcher_judges_outputs_only(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    toolchain = judges.find_toolchain("python")
    row = judges.Judge(
        lambda _: toolchain.__class__("csharp", {}, (), toolchain.run), harness.lay_out_source, runs_tests=False
    )
    monkeypatch.setattr(judges, "JUDGES", {**judges.JUDGES, "csharp": row})
    judges.find_toolchain.cache_clear()
    try:
        with pytest.raises(ToolchainError, match="no launcher shows that a test ran to its end"):
            box.run(Program("csharp", "", "Debug.Assert(true);"))
        problem = Problem("p", "csharp", solution="", test="Debug.Assert(true);")
        (result,) = execute("own", {"csharp": [problem]}, sandbox=box)
        assert result.passed is None
        assert "no launcher shows" in result.skipped
    finally:
        judges.find_toolchain.cache_clear()


@pytest.mark.parametrize("mode", ["bubblewrap", "rlimit"])
@pytest.mark.parametrize(
    ("language", "program"),
    [
        ("python", "a, b = map(int, open('/dev/stdin').read().split())\nopen('/dev/stdout', 'w').write(str(a + b))"),
        ("javascript", "const [a, b] = require('fs').readFileSync('/dev/stdin', 'utf8').split(' ').map(Number);\nconsole.log(a + b);"),
        ("cpp", '#include <cstdio>\nint main() { freopen("/dev/stdin", "r", stdin); int a, b; scanf("%d %d", &a, &b); printf("%d", a + b); }'),
    ],
)  # fmt: skip
def test_standard_streams_can_be_opened_by_name(mode: sandbox.SandboxMode, language: str, program: str) -> None:
    if shutil.which(TOOLS[language]) is None:
        pytest.skip(f"not on PATH: {TOOLS[language]}")
    with Sandbox(mode, allow_code_execution=True, limits=Limits(wall_seconds=120)) as box:
        problem = Problem("sum", language, cases=(Case("2 3\n", "5\n"),))
        assert grade(problem, program, box).status is Status.PASSED


def test_paths_of_this_machine_are_not_in_mountinfo(box: Sandbox) -> None:
    result = box.run(Program("python", "print(open('/proc/self/mountinfo').read(), open('/proc/mounts').read())"))
    assert result.status is Status.PASSED
    assert "/usr" in result.stdout
    assert str(box._folder) not in result.stdout
    assert "moesaic-sandbox" not in result.stdout


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome(137, b"", b"", 9.0, 2 << 30, "memory"), Status.MEMORY),  # late on a slow machine
        (Outcome(137, b"", b"", 9.0, 900 << 20, ""), Status.MEMORY),  # ended by the kernel
        (Outcome(137, b"", b"", 30.0, 1 << 20, ""), Status.TIMEOUT),
        (Outcome(137, b"", b"java.lang.OutOfMemoryError: Java heap space\n", 20.0, 1, "time"), Status.MEMORY),
        (Outcome(137, b"", b"", 20.0, 1 << 20, "time"), Status.TIMEOUT),
    ],
)
def test_memory_is_told_by_its_cause(outcome: Outcome, status: Status) -> None:
    assert verdicts.judge_run(Program("python", ""), outcome, Limits(), "").status is status


def test_buffers_outside_the_heap_are_memory(box: Sandbox) -> None:
    program = "let held = []; while (true) held.push(Buffer.alloc(50 << 20, 1));"
    problem = Problem("bomb", "javascript", cases=(Case("", "DONE"),))
    if shutil.which("node") is None:
        pytest.skip("not on PATH: node")
    assert grade(problem, program, box).status is Status.MEMORY


def test_what_a_test_becomes() -> None:
    test = python_tests.prepare("x = abs(f(1))\nassert f(2) == sum([x]), f'{x}'", frozenset({"sum"}), "T_")
    assert test == "x = 'T_abs'(f(1))\nassert 'T_compare'(f(2), '==', sum([x])), f'{x}'"
    assert python_tests.prepare("def (", frozenset(), "T_") == "def ("
    assert python_tests.imported_modules("import a.b, c\nfrom d import e") == ["a.b", "c", "d"]
    unit = java_tests.prepare(
        "class Main { boolean x = a.equals(b.equals(c)); Node n; }", "import java.util.*;", frozenset({"Node"})
    )
    assert "MoesaicLauncher.equal(a, MoesaicLauncher.equal(b, c))" in unit.source
    assert (unit.source.split("\n")[0], unit.names) == ("import java.util.*;", "|java.lang java.util")
    joined = cpp_tests.join("#define main x", "int main() { return f() != 1; }", "p.cpp", "cpp", frozenset(), "T_")
    assert "return !T_equal(f(), 1);" in joined
    assert "#undef main" in joined


def test_names_that_a_problem_asks_for() -> None:
    assert Problem("p", "python", "def sum(a):\n").defined == {"sum"}
    assert Problem("p", "python", solution="abs = 1\n").defined == {"abs"}
    assert Problem("p", "cpp", "/* issame(1) */\nvector<int> f(int x) {").defined == {"f"}
    assert "f" in Problem("p", "java", "class Solution { public List<Integer> f(int x) {").defined
    assert Problem("p", "javascript", "/* x */ const f = (a) => {").defined == {"f"}


def shared(name: str) -> Path:
    for parent in Path(__file__).resolve().parents:
        if (parent.parent / "shared" / name).exists():
            return parent.parent / "shared" / name
    pytest.skip(f"no shared/{name} beside this checkout")


@pytest.mark.toolchain
@pytest.mark.slow
def test_programs_that_must_not_fool_the_judge(box: Sandbox) -> None:
    folder = shared("verdicts")
    lines = [json.loads(line) for line in (folder / "completions.jsonl").read_text().splitlines()]
    completions = [Completion(line["task_id"], line["program"], whole=True) for line in lines]
    expected = [json.loads(line) for line in (folder / "expected.jsonl").read_text().splitlines()]
    right = {line["id"]: line["right"] for line in expected}
    results = execute("own", read_problems("own", folder / "problems.jsonl"), completions, sandbox=box)
    rows = [row for result in results for row in result.rows]
    assert rows
    assert [row.id for row in rows if row.passed != right[row.id]] == []


@pytest.mark.toolchain
@pytest.mark.parametrize(
    ("program", "status", "detail"),
    [
        ("print(2 * io.read('n'))", Status.PASSED, ""),
        ("print(2 * = 3)", Status.COMPILE_ERROR, "main.lua:1: unexpected symbol near '='"),
        ("if io.read() then", Status.COMPILE_ERROR, "main.lua:1: 'end' expected near <eof>"),
        ("error('near x')", Status.CRASHED, "main.lua:1: near x"),
        ("io.stderr:write('main.lua:1: near x\\n') local t = nil + 1", Status.CRASHED, "main.lua:1: near x"),
        ("os.exit(3)", Status.CRASHED, ""),
    ],
)
def test_lua_is_judged_by_what_its_programs_print(box: Sandbox, program: str, status: Status, detail: str) -> None:
    if shutil.which("lua5.4") is None:
        pytest.skip("not on PATH: lua5.4")
    result = box.run(Program("lua", program), "21\n")
    assert result.status is status
    assert detail in result.detail
    assert result.stdout == ("42\n" if status is Status.PASSED else "")


def test_a_lua_test_is_refused_since_nothing_would_show_that_it_ran_to_its_end(box: Sandbox) -> None:
    if shutil.which("lua5.4") is None:
        pytest.skip("not on PATH: lua5.4")
    with pytest.raises(ToolchainError, match="lua: no launcher shows that a test ran to its end"):
        box.run(Program("lua", "x = 1", "assert(x == 1)"))
