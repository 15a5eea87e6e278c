from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from moesaic.errors import ConsentError, ToolchainError
from moesaic.execution import cpp_header, isolation, java_compiler, judges, sandbox, seccomp, toolchains
from moesaic.execution.isolation import RlimitOnly
from moesaic.execution.sandbox import ExecutionResult, Limits, Program, Sandbox, Status, check_mode
from moesaic.execution.supervise import Launch, supervise
from moesaic.languages import get_language

needs_bubblewrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="no bubblewrap: scripts/install-tools")


def needs(*tools: str) -> pytest.MarkDecorator:
    missing = [tool for tool in tools if shutil.which(tool) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not on PATH: {', '.join(missing)}")


needs_all = needs("javac", "node", "g++", "bwrap")


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(allow_code_execution=True, limits=Limits(wall_seconds=120)) as box:
        yield box


def run(box: Sandbox, language: str, source: str, stdin: str = "") -> ExecutionResult:
    return box.run(Program(language, source), stdin)


def judge(box: Sandbox, language: str, program: str, test: str) -> ExecutionResult:
    return box.run(Program(language, program, test))


def test_nothing_runs_without_consent() -> None:
    with pytest.raises(ConsentError, match="--allow-code-execution"):
        Sandbox()


@pytest.mark.parametrize("consent", [False, 1, "yes"])
def test_consent_is_the_word_true(consent: object) -> None:
    with pytest.raises(ConsentError):
        Sandbox(allow_code_execution=consent)  # type: ignore[arg-type]


def test_missing_bubblewrap_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolchainError, match=r"apt-get install bubblewrap.*--sandbox rlimit"):
        Sandbox(allow_code_execution=True)


def test_bubblewrap_that_does_not_work_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(ToolchainError, match=r"No permissions to create new namespace.*--sandbox rlimit"):
        Sandbox(allow_code_execution=True)


@needs_bubblewrap
def test_a_sandbox_without_its_filter_says_so(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for filter_ in (None, b"no filter"):
        monkeypatch.setattr(isolation, "build_filter", lambda filter_=filter_: filter_)
        with Sandbox(allow_code_execution=True) as box:
            assert run(box, "python", "print(1)").stdout == "1\n"
        assert "no seccomp filter" in capfd.readouterr().err


def test_unknown_mode_suggests_the_known() -> None:
    with pytest.raises(ToolchainError, match="did you mean bubblewrap"):
        check_mode("bublewrap")


def test_missing_toolchain_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    judges.find_toolchain.cache_clear()
    try:
        found, missing = judges.find_toolchains(["java", "cpp"])
    finally:
        judges.find_toolchain.cache_clear()
    assert not found
    assert missing["java"] == (
        "java: javac is not on PATH; install it to run Java programs (Debian: apt-get install default-jdk-headless)"
    )
    assert missing["cpp"] == "cpp: g++ is not on PATH; install it to run C++ programs (Debian: apt-get install g++)"


def test_a_tool_linked_into_a_shared_folder_does_not_open_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``~/.local/bin/node`` must not bring all of ``~/.local`` into the sandbox."""
    home = tmp_path / "home"
    own = tmp_path / "node-22" / "bin" / "node"
    shared = home / ".local" / "bin" / "node"
    for folder in (own.parent, shared.parent):
        folder.mkdir(parents=True)
    own.write_text("#!/bin/sh\necho v22.1.0\n")
    own.chmod(0o755)
    shared.symlink_to(own)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{shared.parent}:/usr/bin:/bin")
    judges.find_toolchain.cache_clear()
    try:
        toolchain = judges.find_toolchain("javascript")
        assert (toolchain.folders, toolchain.run[0]) == ((tmp_path / "node-22",), str(own))
        judges.find_toolchain.cache_clear()
        shared.unlink()
        own.rename(shared)
        with pytest.raises(ToolchainError, match=r"directly into .*\.local"):
            judges.find_toolchain("javascript")
    finally:
        judges.find_toolchain.cache_clear()


PYTHON_CASES = {
    "passes": ("assert 1 + 1 == 2", Status.PASSED),
    "wrong": ("assert 1 + 1 == 3", Status.WRONG),
    "leaves early": ("import sys\nsys.exit(0)\nassert False", Status.WRONG),
    "leaves hard": ("import os\nos._exit(0)", Status.WRONG),
    "swallows its tests": ("text = '''\nassert False", Status.COMPILE_ERROR),
    "does not parse": ("def f(:\n  pass", Status.COMPILE_ERROR),
    "raises": ("print(undefined)", Status.CRASHED),
    "recurses": ("def f():\n    return f()\nf()", Status.CRASHED),
    "eats memory": ("held = bytearray(4 << 30)", Status.MEMORY),
    "dies": ("import os\nos.kill(os.getpid(), 11)", Status.CRASHED),
}


@needs_bubblewrap
@pytest.mark.parametrize("case", PYTHON_CASES)
def test_status_in_python(box: Sandbox, case: str) -> None:
    source, status = PYTHON_CASES[case]
    assert judge(box, "python", source, "assert True").status is status


JAVASCRIPT_CASES = {
    "passes": ("console.assert(1 + 1 === 2)", Status.PASSED),
    "wrong": ("console.assert(1 + 1 === 3)", Status.WRONG),
    "wrong, exception caught": ("try { console.assert(false) } catch (error) {}", Status.CRASHED),
    "replaces the assertion": ("console.assert = () => {};\nconsole.assert(false)", Status.WRONG),
    "redefines the assertion": (
        "try { Object.defineProperty(console, 'assert', { value() {} }) } catch (error) {}\nconsole.assert(false)",
        Status.WRONG,
    ),
    "leaves early": ("process.exit(0)", Status.WRONG),
    "swallows its tests": ("/* console.assert(false)", Status.COMPILE_ERROR),
    "raises": ("undefinedFunction()", Status.CRASHED),
    "uses lodash": ("console.assert(require('lodash').isEqual([{ a: [0] }], [{ a: [-0] }]))", Status.PASSED),
    "eats memory": ("const held = []; while (true) held.push(new Array(1e5).fill(Math.random()))", Status.MEMORY),
}


@needs("node", "bwrap")
@pytest.mark.toolchain
@pytest.mark.parametrize("case", JAVASCRIPT_CASES)
def test_status_in_javascript(box: Sandbox, case: str) -> None:
    source, status = JAVASCRIPT_CASES[case]
    assert judge(box, "javascript", source, "console.assert(true)").status is status


def java(body: str) -> str:
    return f"class Main {{ public static void main(String[] arguments) throws Exception {{ {body} }} }}"


JAVA_CASES = {
    "passes": (java("if (1 + 1 != 2) throw new AssertionError();"), Status.PASSED),
    "wrong": (java("throw new AssertionError();"), Status.WRONG),
    "leaves early": (java("System.exit(0);"), Status.WRONG),
    "does not compile": (java("int x = true;"), Status.COMPILE_ERROR),
    "raises": (java("Object x = null; x.hashCode();"), Status.CRASHED),
    "eats memory": (java("var held = new java.util.ArrayList<long[]>(); while (true) held.add(new long[1 << 20]);"),
                    Status.MEMORY),
}  # fmt: skip


@needs("javac", "bwrap")
@pytest.mark.toolchain
@pytest.mark.parametrize("case", JAVA_CASES)
def test_status_in_java(box: Sandbox, case: str) -> None:
    source, status = JAVA_CASES[case]
    assert judge(box, "java", "", source).status is status


CPP_CASES = {
    "passes": ("#include <cassert>\nint main() { assert(1 + 1 == 2); }", Status.PASSED),
    "wrong": ("#include <cassert>\nint main() { assert(1 + 1 == 3); }", Status.WRONG),
    "leaves early": ("#include <cstdlib>\nint main() { std::exit(0); }", Status.WRONG),
    "does not compile": ("int main() { return undefined; }", Status.COMPILE_ERROR),
    "dies": ("int main() { int *nowhere = nullptr; *(volatile int *)nowhere = 1; }", Status.CRASHED),
    "eats memory": ("#include <vector>\nint main() { std::vector<char> held(8ull << 30, 1); }", Status.MEMORY),
}


@needs("g++", "bwrap")
@pytest.mark.toolchain
@pytest.mark.parametrize("case", CPP_CASES)
def test_status_in_cpp(box: Sandbox, case: str) -> None:
    source, status = CPP_CASES[case]
    assert judge(box, "cpp", "", source).status is status


@needs("g++", "bwrap")
@pytest.mark.toolchain
@pytest.mark.slow
def test_precompiled_header_changes_no_verdict() -> None:
    big = "#include <bits/stdc++.h>\n"
    body = "int main() { std::cout << std::accumulate(begin(list), end(list), 0) << std::endl; }"
    sources = [
        f"{big}std::vector<int> list = {{1, 2}};\n{body}",
        f"{big}{big}std::vector<int> list = {{1, 2}};\n{body}",
        f"#include <cstdio>\n{big}std::vector<int> list = {{1, 2}};\n{body}",
    ]
    with Sandbox(allow_code_execution=True) as box:
        for round_ in range(2):  # the header is precompiled in the third program
            for source in sources:
                assert run(box, "cpp", source).stdout == "3\n", round_


@needs("g++", "bwrap")
@pytest.mark.toolchain
@pytest.mark.slow
def test_a_lean_header_changes_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_PROGRAMS_WORTH_A_HEADER", 2)
    big = "#include <bits/stdc++.h>\nusing namespace std;\n"
    programs = [
        'int main() { vector<int> x = {1}; assert(x[0] == 1); puts("thread // "); }',
        "int main() { complex<double> x(3, 4); assert(abs(x) == 5); }",
        "int main() { int x = 0; thread t([&] { x = 1; }); t.join(); assert(x == 1); }",
        'int main() { assert(regex_match("ab", regex("a.")) && optional<int>(1).value() == 1); }',
        "int main() { mt19937 g(1); assert(g() != g()); return chrono::seconds(1).count() - 1; }",
        "#define CAT(a, b) a##b\nint main() { CAT(opt, ional)<int> x(1); assert(*x == 1); }",
    ]
    with Sandbox(allow_code_execution=True) as box:
        for _ in range(2):  # the lean form is precompiled for the second program, the whole header later
            assert judge(box, "cpp", "", big + programs[0]).status is Status.PASSED
        assert box._whole_header_words is not None
        for program in [*programs, programs[2]]:  # threads again, with the whole header precompiled
            assert judge(box, "cpp", "", big + program).status is Status.PASSED, program
        assert judge(box, "cpp", big + "int any;", "int main() { any = 1; }").status is Status.COMPILE_ERROR


def test_words_that_need_the_whole_header() -> None:
    whole, part = "namespace std { class thread; class map; int n; }", "namespace std { class map; }"
    beyond = cpp_header.words_beyond(whole, part)
    assert {"thread", "regex"} <= beyond
    assert not {"map", "std", "n"} & beyond
    assert cpp_header.words("int x; // thread\nauto y = \"regex\"; /* any */ char c = '\"'; f()") == {
        "int", "x", "auto", "y", "char", "c", "f",
    }  # fmt: skip
    assert cpp_header.lean("#include <map>\n#if 1\n# include <regex>\n#endif") == (
        "#pragma once\n#include <map>\n#if 1\n\n#endif"
    )


@needs("g++", "bwrap")
@pytest.mark.toolchain
@pytest.mark.parametrize(
    ("limits", "status"),
    [
        (Limits(wall_seconds=1.0, memory_bytes=64 << 30), Status.TIMEOUT),
        (Limits(wall_seconds=120.0, memory_bytes=100 << 20), Status.MEMORY),
    ],
)
def test_a_hostile_source_cannot_hang_the_compiler(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch, limits: Limits, status: Status
) -> None:
    run(box, "cpp", CPP_CASES["passes"][0])  # what is prepared once is there
    monkeypatch.setattr(sandbox, "COMPILE_LIMITS", limits)
    source = (
        "template <int D, int N> struct F { static const int v = F<D - 1, 2 * N>::v + F<D - 1, 2 * N + 1>::v; };\n"
        "template <int N> struct F<0, N> { static const int v = 1; };\nint main() { return F<26, 0>::v; }"
    )
    result = run(box, "cpp", source)
    assert (result.status, result.stage) == (status, "compile")


@needs("javac", "bwrap")
@pytest.mark.toolchain
def test_java_compiler_survives_what_it_is_given(box: Sandbox) -> None:
    deep = java("int x = " + "(" * 20_000 + "1" + ")" * 20_000 + ";")
    assert run(box, "java", deep).status in (Status.COMPILE_ERROR, Status.MEMORY)
    assert run(box, "java", JAVA_CASES["passes"][0]).status is Status.PASSED


@needs("javac", "bwrap")
@pytest.mark.toolchain
def test_class_names_that_are_no_file_names_cost_only_their_program(box: Sandbox) -> None:
    long = f"class {'長' * 100} {{}} {JAVA_CASES['passes'][0]}"
    result = run(box, "java", long)
    assert (result.status, result.stage) == (Status.COMPILE_ERROR, "compile")
    assert "class name not accepted" in result.detail
    assert run(box, "java", JAVA_CASES["passes"][0]).status is Status.PASSED


@needs("javac", "bwrap")
@pytest.mark.toolchain
def test_a_program_may_have_a_class_launcher(box: Sandbox) -> None:
    other = "class Launcher { static int one() { return 1; } } " + java("System.out.println(Launcher.one());")
    assert run(box, "java", other).status is Status.PASSED


@needs("javac", "bwrap")
@pytest.mark.toolchain
def test_java_compiler_restarts_after_a_timeout(box: Sandbox, tmp_path: Path) -> None:
    toolchain = judges.find_toolchain("java")
    main = java_compiler.Unit("Main.java", JAVA_CASES["passes"][0])
    with java_compiler.JavaCompiler(box.isolation, toolchain, Limits(wall_seconds=1e-9)) as compiler:
        assert compiler.compile([main], tmp_path).stopped_by == "time"
        compiler._limits = Limits(wall_seconds=60)
        assert compiler.compile([main], tmp_path).succeeded
    assert (tmp_path / "Main.class").exists()


@needs("javac", "bwrap")
@pytest.mark.toolchain
def test_one_java_compiler_serves_many_programs_and_keeps_them_apart(box: Sandbox) -> None:
    first = "class Helper { static int one() { return 1; } } " + java("System.out.println(Helper.one());")
    assert run(box, "java", first).stdout == "1\n"
    second = run(box, "java", java("System.out.println(Helper.one());"))
    assert second.status is Status.COMPILE_ERROR
    assert len(box._idle_java_compilers) == 1


@needs("javac", "bwrap")
@pytest.mark.toolchain
def test_java_compiler_outlives_the_thread_that_started_it() -> None:
    with Sandbox(allow_code_execution=True) as box:
        for _ in range(2):
            with ThreadPoolExecutor(1) as pool:
                assert pool.submit(run, box, "java", JAVA_CASES["passes"][0]).result().status is Status.PASSED
        assert len(box._idle_java_compilers) == 1


@needs_all
@pytest.mark.toolchain
@pytest.mark.parametrize("mode", ["bubblewrap", "rlimit"])
def test_compiled_once_run_many_in_every_language(mode: sandbox.SandboxMode) -> None:
    doubled = {
        "python": "print(2 * int(input()))",
        "java": "class Main { public static void main(String[] a) { "
        "System.out.println(2 * new java.util.Scanner(System.in).nextInt()); } }",
        "javascript": "console.log(2 * Number(require('fs').readFileSync(0, 'utf8')))",
        "cpp": "#include <iostream>\nint main() { int x; std::cin >> x; std::cout << 2 * x << std::endl; }",
        "c": '#include <stdio.h>\nint main(void) { int x; scanf("%d", &x); printf("%d\\n", 2 * x); }',
    }
    with Sandbox(mode, allow_code_execution=True) as box:
        for language, source in doubled.items():
            with box.build(Program(language, source)) as build:
                for number in (1, 21):
                    result = box.execute(build, f"{number}\n")
                    assert (result.status, result.stdout.strip()) == (Status.PASSED, str(2 * number)), result


@needs_bubblewrap
def test_unicode_in_and_out(box: Sandbox) -> None:
    assert run(box, "python", "print(input()[::-1], 'ß')", "äöü\n").stdout == "üöä ß\n"


@needs_bubblewrap
def test_lone_surrogate_in_a_source_is_no_crash_of_ours(box: Sandbox) -> None:
    assert run(box, "python", "text = '\ud800'\nprint(len(text))").stdout == "1\n"


@needs_bubblewrap
def test_large_input_that_nobody_reads(box: Sandbox) -> None:
    assert run(box, "python", "print('done')", "x" * 3_000_000).stdout == "done\n"


@needs_bubblewrap
def test_nothing_is_left_behind() -> None:
    with Sandbox(allow_code_execution=True) as box:
        folder = box._folder
        run(box, "python", "print(1)")
        assert list(folder.iterdir()) == []
    assert not folder.exists()


@needs_bubblewrap
def test_order_of_a_set_is_the_same_every_time(box: Sandbox) -> None:
    outputs = {run(box, "python", "print({'ant', 'bee', 'cat', 'dog', 'eel'})").stdout for _ in range(4)}
    assert len(outputs) == 1


def test_a_machine_with_many_cores_does_not_get_more_threads_than_the_sandbox_allows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with RlimitOnly().launch(["/bin/true"], Limits()) as launch:
        assert launch.environment["GOMAXPROCS"] == "2"
    monkeypatch.setattr(toolchains, "_find", lambda name, row: Path("/jdk/bin", name))
    monkeypatch.setattr(toolchains, "_version", lambda *command: "17")
    monkeypatch.setattr(Path, "is_file", lambda path: True)
    toolchain = toolchains.java(get_language("java"))
    for flags in (toolchain.run, toolchain.run_test, toolchain.tools["flags"].split()):  # the last: of the compiler
        assert "-XX:ActiveProcessorCount=2" in flags


def test_supervise_reports_exit_code_and_streams() -> None:
    with RlimitOnly().launch(["/bin/sh", "-c", "echo out; echo err >&2; exit 3"], Limits()) as launch:
        outcome = supervise(launch, Limits())
    assert (outcome.exit_code, outcome.stdout, outcome.stderr, outcome.stopped_by) == (3, b"out\n", b"err\n", "")


def test_supervise_reports_a_signal_as_shells_do() -> None:
    outcome = supervise(Launch(["/bin/sh", "-c", "kill -9 $$"]), Limits())
    assert outcome.exit_code == 137


def test_filter_blocks_by_number_and_covers_both_machines() -> None:
    for machine in ("x86_64", "aarch64"):
        program = seccomp.build_filter(machine)
        assert program is not None
        assert len(program) % 8 == 0
        assert len(program) // 8 < 4096  # BPF_MAXINSNS
    assert seccomp.build_filter("riscv64") is None


@needs("gcc")
@pytest.mark.toolchain
def test_call_numbers_are_those_of_the_system_headers() -> None:
    """The column of this machine; headers older than a call do not know it."""
    import platform

    machine = platform.machine()
    if seccomp.build_filter(machine) is None:
        pytest.skip(f"no filter for {machine}")
    text = subprocess.run(
        ["gcc", "-E", "-dM", "-include", "sys/syscall.h", "-"], input="", capture_output=True, text=True, check=True
    ).stdout
    numbers = {name: int(number) for name, number in re.findall(r"#define __NR_(\w+) (\d+)", text)}
    column = 0 if machine == "x86_64" else 1
    for name, row in {**seccomp.DENIED, **seccomp._SPECIAL}.items():
        if name in numbers:
            assert row[column] == numbers[name], name


@needs("node")
@pytest.mark.toolchain
def test_lodash_stand_in_is_as_strict_as_lodash() -> None:
    module = Path(sandbox.__file__).with_name("harnesses") / "javascript" / "node_modules" / "lodash.js"
    script = f"""
        const {{ isEqual }} = require({json.dumps(str(module))});
        const pairs = [
          [0, -0], [NaN, NaN], [[1, [2]], [1, [2]]],
          [{{ a: 1, b: 2 }}, {{ b: 2, a: 1 }}], [new Set([[1, 2]]), new Set([[2, 1]])],
          [1, "1"], [[1, 2], [2, 1]], [{{ a: undefined }}, {{}}],
          [null, undefined], [[1], {{ 0: 1 }}], [new Set([1]), new Set([2])],
        ];
        console.log(JSON.stringify(pairs.map(([left, right]) => isEqual(left, right))));
        """
    done = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [True] * 5 + [False] * 6
