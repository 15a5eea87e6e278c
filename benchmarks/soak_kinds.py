"""Defines how the soak disturbs a run, with one function for each kind of disturbance."""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from soak_attempts import Ended, Strike, chosen_moments, clock_jumps_back, kill, small_disk
from soak_pipeline import EXPORTS, STAGES, Soak

BLOCK = 4096


def kills(soak: Soak, wanted: int) -> None:
    """``kill -9``, at once or after a few milliseconds, at moments of every stage and export."""
    parts = (*STAGES, *EXPORTS)
    counts = {part: len(soak.moments(part)) for part in parts}
    for index, part in enumerate(parts):
        own = wanted // len(parts) + (index < wanted % len(parts))
        for moment in chosen_moments(counts[part], own, soak.generator):
            delay = soak.generator.choice([0.0, soak.generator.uniform(0.001, 0.05)])
            soak.strike("kill -9", part, Strike(kill, moment, delay), lambda ended: ended.code == -signal.SIGKILL)


def signals(soak: Soak, wanted: int) -> None:
    """SIGTERM and SIGINT: the run is unwound, says how to continue, and ends with 143 and 130."""
    parts = [*STAGES[:-1], "mixtral"]
    for index in range(wanted):
        part, number = parts[index % len(parts)], (signal.SIGTERM, signal.SIGINT)[index % 2]
        moment = soak.generator.randint(1, len(soak.moments(part)))

        def stop(number: int = number) -> None:
            os.kill(os.getpid(), number)

        soak.strike(
            number.name,
            part,
            Strike(stop, moment),
            lambda ended, code=128 + number: (
                ended.code == code and "run the same command" in " ".join(ended.said.split())
            ),
        )


def full_disks(soak: Soak, wanted: int) -> None:
    """A full disk: the free blocks are doubled from one until a part fits, then bisected to the smallest number."""

    def is_named(ended: Ended) -> bool:
        said = " ".join(ended.said.split())  # while it was written, or before anything was
        return ended.code == 2 and ("no space left" in said or "free some space" in said)

    disk = soak.folder / "disk"
    with small_disk(disk) as leave:
        for part in (*STAGES, *EXPORTS)[:wanted]:
            low, high = 0, None
            while high is None or high - low > max(1, high // 4):
                blocks = max(1, 2 * low) if high is None else (low + high) // 2
                leave(None)
                root = soak.before(part, disk / "copy")
                leave(blocks * BLOCK)
                ended = soak.strike(
                    "disk full",
                    part,
                    None,
                    is_named,
                    root=root,
                    mend=lambda: leave(None),
                    moment=f"{blocks} blocks free",
                )
                low, high = (low, blocks) if ended.code == 0 else (blocks, high)


def lost_disks(soak: Soak, wanted: int) -> None:
    """A workspace that is read-only, and a workspace that is moved away while the run uses it."""

    def is_named(ended: Ended) -> bool:
        return ended.code == 2 and "error:" in ended.said

    with small_disk(soak.folder / "disk") as leave:
        for part in STAGES[:wanted]:
            leave(None)
            root = soak.before(part, soak.folder / "disk" / "copy")
            leave(-1)
            soak.strike("read-only", part, None, is_named, root=root, mend=lambda: leave(None))
    for part in STAGES[:wanted]:
        moment = soak.generator.randint(1, len(soak.moments(part)))
        root = soak.before(part, soak.folder / "copy")
        away = root.with_name("away")

        def move(root: Path = root, away: Path = away) -> None:
            root.rename(away)

        def bring(root: Path = root, away: Path = away) -> None:
            if away.exists():
                shutil.rmtree(root, ignore_errors=True)
                away.rename(root)

        soak.strike("workspace gone", part, Strike(move, moment), is_named, root=root, mend=bring)


def clocks(soak: Soak, wanted: int) -> None:
    """A clock that jumps back by a day."""
    for part in STAGES[:wanted]:
        moment = soak.generator.randint(1, len(soak.moments(part)))
        soak.strike("clock back", part, Strike(clock_jumps_back, moment), lambda ended: ended.code == 0)


def locks(soak: Soak, wanted: int) -> None:
    """Locks: a lock that a dead process left is taken over, and a lock that is held is respected."""
    for pid, host in ((2**22 - 1, platform.node()), (1, "elsewhere"))[:wanted]:
        root = soak.before("compose", soak.folder / "copy")
        (root / "toy" / ".lock").write_text(json.dumps({"pid": pid, "host": host, "started": "2026-01-01"}))
        soak.strike(
            "stale lock",
            "compose",
            None,
            lambda ended: ended.code == 0 and "taking over" in ended.said,
            root=root,
            moment=f"process {pid} on {host}",
        )
    root = soak.before("compose", soak.folder / "copy")
    code = "import sys; from pathlib import Path; from moesaic.workspace import Workspace\n"
    code += "with Workspace(Path(sys.argv[1])).lock(): print('locked', flush=True); sys.stdin.read()"
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(root / "toy")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    holder.stdout.readline()

    def release() -> None:
        holder.communicate()

    soak.strike(
        "second run",
        "compose",
        None,
        lambda ended: ended.code == 2 and f"process {holder.pid}" in ended.said,
        root=root,
        mend=release,
        moment="while another one holds the lock",
    )


def losses(soak: Soak, wanted: int) -> None:
    """A loss that is not a number: the exit code is 4, the batch is named, and the best state is kept."""

    def spoil() -> None:
        from moesaic.train import rows

        original, calls = rows.add_gradients, []

        def spoilt(*arguments: object) -> torch.Tensor:
            calls.append(1)
            loss: torch.Tensor = original(*arguments)  # type: ignore[arg-type]
            return loss * float("nan") if len(calls) == 2 else loss

        rows.add_gradients = spoilt  # type: ignore[assignment]

    for part in ("experts", "gate")[:wanted]:
        soak.strike(
            "loss is NaN",
            part,
            Strike(spoil),
            lambda ended: ended.code == 4 and "its batch, counted" in ended.said and "best.safetensors" in ended.said,
            moment="step 2",
        )


def memory(soak: Soak, wanted: int) -> None:
    """Full memory of a GPU: rows are computed in pieces, with the same step as the result."""

    def spoil() -> None:
        from moesaic.train.rows import PackedLoss

        original = PackedLoss.run_layers

        def small(self: PackedLoss, batch: object) -> object:
            if self.model.training and batch.num_tokens > 700:  # type: ignore[attr-defined]
                raise torch.OutOfMemoryError("CUDA out of memory (simulated)")
            return original(self, batch)  # type: ignore[arg-type]

        PackedLoss.run_layers = small  # type: ignore[assignment, method-assign]

    for part in ("experts", "gate")[:wanted]:
        soak.strike(
            "out of memory",
            part,
            Strike(spoil),
            lambda ended: ended.code == 0 and "rows are run in pieces" in " ".join(ended.said.split()),
            moment="rows above 700 tokens",
            near=True,
        )


def bases(soak: Soak, wanted: int) -> None:
    """A base whose weights change during the run."""
    file = soak.folder / "base" / "model.safetensors"
    right = file.read_bytes()

    def spoil() -> None:
        with file.open("r+b") as stream:
            stream.seek(len(right) // 2)
            stream.write(b"\x01" * 64)

    def mend() -> None:
        file.write_bytes(right)

    for part in ("experts", "compose", "gate", "predict")[:wanted]:
        moment = soak.generator.randint(2, len(soak.moments(part)) - 2)
        soak.strike(
            "base changes",
            part,
            Strike(spoil, moment),
            lambda ended: ended.code == 2 and "base" in ended.said,
            mend=mend,
        )


KINDS: dict[str, Callable[[Soak, int], None]] = {
    "kill": kills,
    "signal": signals,
    "disk": full_disks,
    "lost": lost_disks,
    "clock": clocks,
    "lock": locks,
    "nan": losses,
    "memory": memory,
    "base": bases,
}


if __name__ == "__main__":
    raise SystemExit("soak_kinds.py is a part of other scripts: run soak.py")
