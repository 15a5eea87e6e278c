"""One attack per promise of the sandbox. Every attack is bounded, so that a sandbox that fails does no damage.

Attacks that must be stopped wait for ever afterwards: how soon they are stopped depends on the machine. Where a program
must come to its end, its limit of time is far beyond what a busy machine takes.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from moesaic.execution.sandbox import ExecutionResult, Limits, Program, Sandbox, Status
from moesaic.execution.seccomp import DENIED

LIMITS = Limits(
    wall_seconds=120,
    memory_bytes=200 << 20,
    processes=32,
    file_bytes=4 << 20,
    disk_bytes=8 << 20,
    files=500,
    output_bytes=100_000,
)
MODES = ["bubblewrap", "rlimit"]


@pytest.fixture(scope="module")
def boxes() -> Iterator[dict[str, Sandbox]]:
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed: scripts/install-tools")
    with contextlib.ExitStack() as stack:
        yield {
            "bubblewrap": stack.enter_context(Sandbox("bubblewrap", allow_code_execution=True, limits=LIMITS)),
            "rlimit": stack.enter_context(Sandbox("rlimit", allow_code_execution=True, limits=LIMITS)),
        }


@pytest.fixture
def box(boxes: dict[str, Sandbox]) -> Sandbox:
    return boxes["bubblewrap"]


def attack(box: Sandbox, source: str, limits: Limits = LIMITS) -> ExecutionResult:
    return box.run(Program("python", textwrap.dedent(source)), limits=limits)


def quick(seconds: float) -> Limits:
    return Limits(wall_seconds=seconds, cpu_seconds=60, memory_bytes=LIMITS.memory_bytes)


@pytest.mark.parametrize("mode", MODES)
def test_fork_bomb_runs_out_of_processes(boxes: dict[str, Sandbox], mode: str) -> None:
    result = attack(
        boxes[mode],
        """
        import os, time
        children = 0
        for _ in range(300):
            try:
                child = os.fork()
            except OSError:
                break
            if child == 0:
                time.sleep(1000)
                os._exit(0)
            children += 1
        print(children)
        """,
    )
    assert 1 <= int(result.stdout) <= LIMITS.processes


def test_fork_bomb_that_never_stops_is_over_at_the_timeout(box: Sandbox) -> None:
    source = """
        import os
        while True:
            try:
                os.fork()
            except OSError:
                pass
        """
    limits = Limits(wall_seconds=1.0, cpu_seconds=60, memory_bytes=2 << 30, processes=32)
    assert attack(box, source, limits).status is Status.TIMEOUT


@pytest.mark.parametrize("mode", MODES)
def test_memory_bomb(boxes: dict[str, Sandbox], mode: str) -> None:
    result = attack(boxes[mode], "held = [b'x' * (1 << 20) for _ in range(600)]\nprint('all of it')")
    assert result.status is Status.MEMORY
    assert "all of it" not in result.stdout


@pytest.mark.parametrize("mode", MODES)
def test_memory_bomb_spread_over_processes(boxes: dict[str, Sandbox], mode: str) -> None:
    result = attack(
        boxes[mode],
        """
        import os, time
        for _ in range(6):
            if os.fork() == 0:
                held = b'x' * (60 << 20)
                time.sleep(1000)
        time.sleep(1000)
        """,
    )
    assert result.status is Status.MEMORY
    assert result.detail == "stopped: over the limit of memory"


@pytest.mark.parametrize("mode", MODES)
def test_memory_bomb_behind_a_first_thread_that_has_ended(boxes: dict[str, Sandbox], mode: str) -> None:
    """The kernel shows no memory for such a process, only for its threads."""
    result = attack(
        boxes[mode],
        """
        import ctypes, os, platform, threading, time
        def work():
            held = [b'x' * (15 << 20) for _ in range(6)]
            time.sleep(1000)
        for _ in range(4):
            if os.fork() == 0:
                threading.Thread(target=work).start()
                ctypes.CDLL(None).syscall({'x86_64': 60, 'aarch64': 93}[platform.machine()], 0)  # exit, this thread
        time.sleep(1000)
        """,
    )
    assert result.detail == "stopped: over the limit of memory"


def test_memory_that_stays_when_it_is_unmapped(box: Sandbox) -> None:
    """Pages of a shared mapping live as long as any of it is mapped, but only what is mapped counts as resident."""
    if box.isolation.filter is None:  # type: ignore[attr-defined]
        pytest.skip("no seccomp filter for this machine")
    result = attack(
        box,
        """
        import ctypes, errno, os
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mmap.restype = ctypes.c_void_p
        libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
        libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        def hold(name, flags, descriptor=-1):
            for _ in range(10):
                start = libc.mmap(None, 32 << 20, 3, flags, descriptor, 0)
                if start in (None, 2**64 - 1):
                    return print(name, errno.errorcode[ctypes.get_errno()])
                ctypes.memset(start, 1, 32 << 20)
                libc.munmap(start, (32 << 20) - 4096)
            print(name, 'held')
        hold('private', 0x22)
        hold('shared', 0x21)
        hold('shared, validated', 0x23)
        try:
            hold('zero', 0x01, os.open('/dev/zero', os.O_RDWR))
        except OSError as error:
            print('zero', errno.errorcode[error.errno])
        """,
    )
    assert result.stdout.splitlines() == ["private held", "shared EPERM", "shared, validated EPERM", "zero EACCES"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_endless_output_is_cut(boxes: dict[str, Sandbox], mode: str, stream: str) -> None:
    source = f"import sys\nfor _ in range(500):\n    sys.{stream}.write('x' * 100_000)\nprint('the end')"
    result = attack(boxes[mode], source)
    assert result.status is Status.CRASHED
    assert result.detail == "stopped: over the limit of output"
    assert len(result.stdout) <= LIMITS.output_bytes
    assert len(result.stderr) <= LIMITS.output_bytes


def test_disk_filler_meets_the_end_of_tmp(box: Sandbox) -> None:
    result = attack(
        box,
        """
        written = 0
        try:
            for number in range(60):
                with open(f'/tmp/{number}', 'wb') as file:
                    file.write(b'x' * (1 << 20))
                written += 1
        except OSError as error:
            print(written, error.strerror)
        """,
    )
    assert result.stdout == "7 No space left on device\n" or result.stdout == "8 No space left on device\n"


@pytest.mark.parametrize("mode", MODES)
def test_one_large_file(boxes: dict[str, Sandbox], mode: str) -> None:
    source = "file = open('large', 'wb')\nfor _ in range(64):\n    file.write(b'x' * (1 << 20))\nprint('written')"
    result = attack(boxes[mode], source)
    assert result.status is Status.CRASHED
    assert "File too large" in result.stderr


@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm"])
def test_disk_filler_with_empty_files(box: Sandbox, folder: str) -> None:
    result = attack(
        box,
        f"""
        import time
        for number in range(20_000):
            open(f'{folder}/{{number}}', 'w').close()
        time.sleep(1000)
        """,
    )
    assert result.status is Status.CRASHED
    assert result.detail == "stopped: over the limit of files"


def test_memory_for_semaphores_is_small(box: Sandbox) -> None:
    result = attack(
        box,
        """
        try:
            open('/dev/shm/large', 'wb').write(bytes(4 << 20))
        except OSError as error:
            print(error.strerror)
        """,
    )
    assert result.stdout == "No space left on device\n"


def test_reading_a_secret_file(box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("tell nobody")
    secret.chmod(0o644)
    monkeypatch.setenv("MOESAIC_TEST_SECRET", "tell nobody")
    result = attack(
        box,
        f"""
        import glob, os
        for path in [{str(secret)!r}, '/etc/shadow', '/etc/passwd', '/proc/1/root/etc/passwd']:
            try:
                print('read', path, open(path).read())
            except OSError:
                pass
        try:
            print(open('/proc/1/environ').read())  # its own, where it is readable
        except OSError:
            pass
        print(sorted(os.environ), sorted(os.listdir('/')), glob.glob('/home/*'), glob.glob({str(Path.home())!r} + '/*'))
        """,
    )
    assert result.status is Status.PASSED
    assert "read" not in result.stdout
    assert "tell nobody" not in result.stdout
    assert "SECRET" not in result.stdout
    assert "[] []" in result.stdout


def test_nothing_is_inherited(box: Sandbox) -> None:
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    try:
        result = attack(
            box,
            """
            import os
            print(sorted(int(name) for name in os.listdir('/proc/self/fd'))[:-1])  # the last one lists the folder
            for name in ('fd', 'mem', 'environ', 'root', 'cwd'):
                try:
                    open(f'/proc/1/{name}', 'rb').read(1)
                    print('read', name)
                except PermissionError:
                    pass
                except OSError as error:
                    print(name, error)
            for descriptor in (0, 1, 2):  # pipes of this user alone, and their other ends are not here
                try:
                    os.write(descriptor, b'') if descriptor else os.write(0, b'x')
                except OSError as error:
                    print(descriptor, error.strerror)
            """,
        )
    finally:
        os.close(reading)
        os.close(writing)
    assert result.stdout == "[0, 1, 2]\n0 Bad file descriptor\n"


def test_opening_a_socket(box: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        source = f"""
            import socket
            for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK):
                try:
                    socket.socket(family, socket.SOCK_DGRAM)
                    print('socket', family)
                except OSError as error:
                    pass
            try:
                socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), timeout=60)
                print('connected')
            except OSError:
                pass
            """
        assert attack(box, source).stdout == ""


def test_network_is_gone_without_the_filter_too(boxes: dict[str, Sandbox]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        source = f"import socket\nsocket.create_connection(('127.0.0.1', {port}), timeout=60)\nprint('connected')"
        assert "connected" in attack(boxes["rlimit"], source).stdout  # the attack itself works
        with Sandbox(allow_code_execution=True, limits=LIMITS) as box:
            box.isolation.filter = None  # type: ignore[attr-defined]
            assert "Connection refused" in attack(box, source).stderr


def test_killing_the_parent_and_its_neighbours(box: Sandbox) -> None:
    victim = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    try:
        result = attack(
            box,
            f"""
            import os, signal
            for target in [{victim.pid}, {os.getpid()}, os.getppid(), 1, -1]:
                try:
                    os.kill(target, signal.SIGKILL)
                except OSError as error:
                    print(type(error).__name__)
            for name in (signal.SIGSTOP, signal.SIGTERM):
                for kill in (os.kill, os.killpg):
                    try:
                        kill(os.getppid(), name)
                    except OSError as error:
                        print(type(error).__name__)
            print('alive')
            """,
        )
        assert victim.poll() is None
        assert "ProcessLookupError" in result.stdout
        assert result.stdout.endswith("alive\n")
    finally:
        victim.kill()
        victim.wait()


def test_writing_outside(box: Sandbox, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    folders = ["/", "/usr", "/usr/bin", "/box", "/cache", "/etc", "/dev", "/proc", str(tmp_path)]
    result = attack(
        box,
        f"""
        for folder in {folders}:
            try:
                open(folder + '/written', 'w').close()
                print('wrote', folder)
            except OSError:
                pass
        try:
            open('/box/main.py', 'a').close()
            print('changed itself')
        except OSError:
            pass
        open('/tmp/written', 'w').close()
        print('only in its own /tmp')
        """,
    )
    assert result.stdout == "only in its own /tmp\n"
    assert not (tmp_path / "written").exists()
    assert not Path("/tmp/written").exists()


def test_tmp_is_fresh_for_every_program(box: Sandbox) -> None:
    attack(box, "open('/tmp/left', 'w').close()")
    assert attack(box, "import os\nprint(os.listdir('/tmp'))").stdout == "[]\n"


DAEMON = """
import os, sys, time
started, starts = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for stream in (0, 1, 2):
            os.close(stream)
        os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(1000)', '{token}'])
    os._exit(0)
os.wait()
os.close(starts)
os.read(started, 1)  # returns when the other end is closed: the daemon has become another program
time.sleep({seconds})
"""


@pytest.mark.parametrize(("seconds", "limit", "status"), [(0, 120, Status.PASSED), (1000, 1.5, Status.TIMEOUT)])
def test_surviving_by_daemonising(box: Sandbox, seconds: int, limit: float, status: Status) -> None:
    token = f"daemon-{os.getpid()}-{time.monotonic_ns()}"
    result = attack(box, DAEMON.format(token=token, seconds=seconds), quick(limit))
    assert result.status is status
    deadline = time.monotonic() + 60
    while (left := _processes_with(token)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert left == []


def _processes_with(token: str) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdigit() and token.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


@pytest.mark.parametrize("mode", MODES)
def test_symlink_tricks(boxes: dict[str, Sandbox], mode: str, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "kept").write_text("mine")
    result = attack(
        boxes[mode],
        f"""
        import os
        os.symlink({str(victim)!r}, 'result')
        os.symlink({str(victim / "kept")!r}, 'stdout')
        for name in ('main.py', 'result'):
            try:
                os.rename('stdout', os.path.join(os.path.dirname(os.path.abspath(__file__)), name))
            except OSError:
                pass
        print('mine or yours')
        """,
    )
    assert result.stdout == "mine or yours\n"
    assert (victim / "kept").read_text() == "mine"


def test_privileges(box: Sandbox) -> None:
    result = attack(box, "import os\nprint(os.getuid(), os.getgid())\nprint(open('/proc/self/status').read())")
    user, group = (int(part) for part in result.stdout.split("\n")[0].split())
    assert user > 1000
    assert group > 1000
    for field in (
        "CapEff:\t0000000000000000",
        "CapBnd:\t0000000000000000",
        "CapPrm:\t0000000000000000",
        "NoNewPrivs:\t1",
    ):
        assert field in result.stdout


def test_system_calls_that_exploits_use(box: Sandbox) -> None:
    if box.isolation.filter is None:  # type: ignore[attr-defined]
        pytest.skip("no seccomp filter for this machine")
    calls = ("io_uring_setup", "keyctl", "add_key", "bpf", "userfaultfd", "setns", "pidfd_getfd", "open_tree_attr")
    column = 0 if platform.machine() == "x86_64" else 1
    result = attack(
        box,
        """
        import ctypes, errno, os
        libc = ctypes.CDLL(None, use_errno=True)
        def outcome(function, *arguments):
            ctypes.set_errno(0)
            return 'done' if function(*arguments) >= 0 else errno.errorcode[ctypes.get_errno()]
        print('unshare', outcome(libc.unshare, 0x10000000))
        print('ptrace', outcome(libc.ptrace, 0, 0, 0, 0))
        print('mount', outcome(libc.mount, b'none', b'/tmp', b'tmpfs', 0, None))
        print('memfd', outcome(libc.memfd_create, b'x', 0))
        print('shmget', outcome(libc.shmget, 0, 4096, 0o1600))
        print('semget', outcome(libc.semget, 0, 32000, 0o1600))
        print('msgget', outcome(libc.msgget, 0, 0o1600))
        for name, numbers in CALLS.items():
            print(name, outcome(libc.syscall, numbers[MACHINE], *[ctypes.c_long(0)] * 5))
        USER_NAMESPACE = 0x10000000
        print('clone', outcome(libc.syscall, (56, 220)[MACHINE], ctypes.c_long(USER_NAMESPACE | 17), 0, 0, 0, 0))
        """.replace("CALLS", repr({name: DENIED[name] for name in calls})).replace("MACHINE", str(column)),
    )
    tried = ("unshare", "ptrace", "mount", "memfd", "shmget", "semget", "msgget", *calls, "clone")
    assert result.stdout.splitlines() == [f"{call} EPERM" for call in tried]


@pytest.mark.parametrize("mode", MODES)
def test_running_on(boxes: dict[str, Sandbox], mode: str) -> None:
    assert attack(boxes[mode], "import time\ntime.sleep(1000)", quick(0.5)).status is Status.TIMEOUT


@pytest.mark.parametrize("mode", MODES)
def test_running_on_without_streams(boxes: dict[str, Sandbox], mode: str) -> None:
    source = "import os, time\nfor stream in (0, 1, 2):\n    os.close(stream)\ntime.sleep(1000)"
    assert attack(boxes[mode], source, quick(0.5)).status is Status.TIMEOUT


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_busy_loop_that_ignores_the_warning(boxes: dict[str, Sandbox], mode: str) -> None:
    source = "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True:\n    pass"
    limits = Limits(wall_seconds=30, cpu_seconds=1, memory_bytes=LIMITS.memory_bytes)
    assert attack(boxes[mode], source, limits).status is Status.TIMEOUT


def test_installed_packages_are_out_of_sight(box: Sandbox) -> None:
    source = """
        for name in ('pip', 'numpy', 'setuptools'):
            try:
                __import__(name)
                print(name)
            except ImportError:
                pass
        """
    assert attack(box, source).stdout == ""


def test_all_of_it_without_being_root() -> None:
    """Started as root: the same as another user, with an interpreter that user can reach."""
    source = Path(__file__).parents[2] / "src"
    if os.geteuid() != 0:
        pytest.skip("not root: the other tests of this file show it")
    if not Path("/usr/bin/python3").exists() or any(not parent.stat().st_mode & 1 for parent in source.parents):
        pytest.skip("no interpreter or source tree that another user can reach")
    script = textwrap.dedent(
        """
        import os
        from moesaic.execution.sandbox import Limits, Program, Sandbox
        assert os.geteuid() == 61000
        limits = Limits(wall_seconds=120, processes=16, memory_bytes=200 << 20, files=500)
        with Sandbox(allow_code_execution=True, limits=limits) as box:
            for source in (
                "print(1)",
                "open('/etc/passwd')",
                "import socket; socket.socket()",
                "import os\\nfor _ in range(100):\\n    if os.fork() == 0:\\n        os.read(0, 1); os._exit(0)",
                "held = [b'x' * (1 << 20) for _ in range(600)]",
                "open('/box/x', 'w')",
                "open('/dev/zero', 'r+b')",
                "import mmap; mmap.mmap(-1, 1 << 20)",
                "import time\\nfor name in range(20_000):\\n    open(f'/tmp/{name}', 'w').close()\\ntime.sleep(1000)",
            ):
                print(box.run(Program("python", source)).detail.split(":")[0])
        """
    )
    done = subprocess.run(
        ["/usr/bin/python3", "-c", script],
        user=61000,
        group=61000,
        extra_groups=[],
        env={"PYTHONPATH": str(source), "PATH": os.environ["PATH"]},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0 and sys.version_info[:2] > (3, 11) and "StrEnum" in done.stderr:
        pytest.skip("the system's Python is too old for moesaic")
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "", "FileNotFoundError", "OSError", "BlockingIOError", "MemoryError", "OSError",
        "PermissionError", "PermissionError", "stopped",
    ]  # fmt: skip
