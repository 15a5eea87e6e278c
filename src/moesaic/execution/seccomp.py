"""Makes a seccomp filter, which refuses (EPERM) the system calls that no benchmark program needs.

The filter is a classic BPF program over ``struct seccomp_data`` (``linux/seccomp.h``). It is written here as bytes, so
that no library is needed, and bubblewrap loads it just before the program starts. It is a deny list and the second line
of defence behind the namespaces. It refuses three groups of calls:

- the kernel interfaces that exploits use most often: user namespaces, mounts, BPF, io_uring, keyrings, tracing and
  userfaultfd;
- sockets of every family except AF_UNIX;
- memory that a watchdog of resident memory does not see: memfd, System V segments, semaphores and queues, and shared
  mappings without a file, whose pages remain if all but one of them are unmapped.

``clone3`` fails with ENOSYS, because its flags are in memory, which a filter cannot read. libc then falls back to
``clone``, whose namespace flags are checked.

x86-64 and AArch64 are covered. For other machines there is no filter, and :func:`build_filter` returns None.
"""

from __future__ import annotations

import errno
import platform
import struct
from typing import NamedTuple

__all__ = ["DENIED", "build_filter"]

# struct seccomp_data: int nr; u32 arch; u64 instruction_pointer; u64 args[6]. Both machines are little-endian.
_NUMBER_OFFSET, _ARCH_OFFSET, _FIRST_ARGUMENT_OFFSET = 0, 4, 16

# Opcodes of classic BPF (linux/bpf_common.h).
_LOAD_WORD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_JUMP_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_JUMP_AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_JUMP_ANY_BIT = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN = 0x06  # BPF_RET | BPF_K

_ALLOW = 0x7FFF0000  # SECCOMP_RET_ALLOW
_KILL = 0x80000000  # SECCOMP_RET_KILL_PROCESS
_FAIL = 0x00050000  # SECCOMP_RET_ERRNO, the error number in the low bits

_X32_BIT = 0x40000000  # x86-64's second calling convention, which has another number for every call
_NAMESPACE_FLAGS = 0x7E020080  # CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET,TIME}
_MAP_SHARED, _MAP_ANONYMOUS = 0x01, 0x20
_AF_UNIX = 1


class _Machine(NamedTuple):
    audit_arch: int
    column: int  # of DENIED and _SPECIAL


_MACHINES = {"x86_64": _Machine(0xC000003E, 0), "aarch64": _Machine(0xC00000B7, 1), "arm64": _Machine(0xC00000B7, 1)}

# Call -> (number on x86-64, number on AArch64); None where the call does not exist.
DENIED: dict[str, tuple[int | None, int | None]] = {
    "acct": (163, 89), "add_key": (248, 217), "adjtimex": (159, 171), "bpf": (321, 280), "chroot": (161, 51),
    "clock_adjtime": (305, 266), "clock_settime": (227, 112), "delete_module": (176, 106), "fanotify_init": (300, 262),
    "finit_module": (313, 273), "fsconfig": (431, 431), "fsmount": (432, 432), "fsopen": (430, 430),
    "fspick": (433, 433), "init_module": (175, 105), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425), "ioperm": (173, None), "iopl": (172, None), "kcmp": (312, 272),
    "kexec_file_load": (320, 294), "kexec_load": (246, 104), "keyctl": (250, 219), "memfd_create": (319, 279),
    "memfd_secret": (447, 447), "mount": (165, 40), "mount_setattr": (442, 442), "move_mount": (429, 429),
    "mq_open": (240, 180), "msgget": (68, 186), "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    "open_tree": (428, 428), "open_tree_attr": (467, 467), "perf_event_open": (298, 241), "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41), "process_madvise": (440, 440), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "ptrace": (101, 117), "quotactl": (179, 60), "reboot": (169, 142),
    "request_key": (249, 218), "semget": (64, 190), "setdomainname": (171, 162), "sethostname": (170, 161),
    "setns": (308, 268), "settimeofday": (164, 170), "shmget": (29, 194), "swapoff": (168, 225), "swapon": (167, 224),
    "syslog": (103, 116), "umount2": (166, 39), "unshare": (272, 97), "userfaultfd": (323, 282), "vhangup": (153, 58),
}  # fmt: skip
"""System calls that fail with EPERM, whatever their arguments."""

_SPECIAL = {"clone": (56, 220), "clone3": (435, 435), "mmap": (9, 222), "socket": (41, 198), "socketpair": (53, 199)}


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """Returns one ``struct sock_filter``. Jumps count the instructions to skip after this one."""
    return struct.pack("<HBBI", code, if_true, if_false, value)


def _fail(error: int) -> bytes:
    return _instruction(_RETURN, _FAIL | error)


def _on_call(number: int, body: list[bytes]) -> list[bytes]:
    """Returns instructions that run the body, which must always return, if the accumulator holds the number."""
    return [_instruction(_JUMP_EQUAL, number, 0, len(body)), *body]


def build_filter(machine: str | None = None) -> bytes | None:
    """Returns the BPF program for a machine (default: this one), or None if its call numbers are not known."""
    row = _MACHINES.get(machine or platform.machine())
    if row is None:
        return None
    allow = _instruction(_RETURN, _ALLOW)
    load_argument, load_fourth = (_instruction(_LOAD_WORD, _FIRST_ARGUMENT_OFFSET + 8 * index) for index in (0, 3))
    program = [
        _instruction(_LOAD_WORD, _ARCH_OFFSET),
        _instruction(_JUMP_EQUAL, row.audit_arch, 1, 0),
        _instruction(_RETURN, _KILL),
        _instruction(_LOAD_WORD, _NUMBER_OFFSET),
    ]
    if row.column == 0:
        program += [_instruction(_JUMP_AT_LEAST, _X32_BIT, 0, 1), _fail(errno.EPERM)]
    for numbers in DENIED.values():
        number = numbers[row.column]
        if number is not None:
            program += _on_call(number, [_fail(errno.EPERM)])
    special = {name: numbers[row.column] for name, numbers in _SPECIAL.items()}
    program += _on_call(special["clone3"], [_fail(errno.ENOSYS)])
    program += _on_call(
        special["clone"],
        [load_argument, _instruction(_JUMP_ANY_BIT, _NAMESPACE_FLAGS, 0, 1), _fail(errno.EPERM), allow],
    )
    anonymous = [_instruction(_JUMP_ANY_BIT, _MAP_ANONYMOUS, 0, 2), _instruction(_JUMP_ANY_BIT, _MAP_SHARED, 0, 1)]
    program += _on_call(special["mmap"], [load_fourth, *anonymous, _fail(errno.EPERM), allow])
    for name in ("socket", "socketpair"):
        body = [load_argument, _instruction(_JUMP_EQUAL, _AF_UNIX, 1, 0), _fail(errno.EAFNOSUPPORT), allow]
        program += _on_call(special[name], body)
    return b"".join([*program, allow])
