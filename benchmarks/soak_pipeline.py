"""The pipeline that the soak disturbs: an undisturbed run, copies of it, and the results that must be the same."""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from soak_attempts import Ended, Strike, attempt, fingerprint

RECIPE = """
name: toy
base: {{model: {folder}/base, dtype: float32}}
data: {{source: {folder}/pairs, languages: [python, java]}}
compare: [linear, dense_lora]
experts:
  {{rank: 2, alpha: 4, epochs: 3, learning_rate: 1.0e-2, row_tokens: 1200, evaluations: 2, checkpoint_minutes: 0}}
gate:
  {{top_k: 1, init_programs: 8, gate_steps: 2, joint_epochs: 1, joint_learning_rate: 1.0e-2, row_tokens: 1200,
    evaluations: 2, checkpoint_minutes: 0}}
reward:
  {{rounds: 2, prompts: 2, samples: 2, max_new_tokens: 8, validation_programs: 2, workers: 1, checkpoint_minutes: 0}}
predict: {{max_new_tokens: 8, limit: 2, row_tokens: 2048}}
evaluate: {{metrics: [parse_share, bleu, codebleu], workers: 1, bootstrap_samples: 20}}
"""
STAGES = ("data", "experts", "compose", "gate", "reward", "baselines", "predict", "evaluate", "report")
EXPORTS = {"mixtral": "export/mixtral", "gguf": "export/toy.gguf", "peft": "export/peft"}


@dataclass
class Soak:
    """The undisturbed run, and the table of the disturbances of its copies.

    Attributes:
        folder: Folder with the recipe, its base and data, ``whole`` and the copies.
        generator: Random numbers that choose the moments.
        rows: (kind, stage, moment, how the attempt ended, how the next attempt ended).
    """

    folder: Path
    generator: random.Random
    rows: list[tuple[str, str, str, str, str]] = field(default_factory=list)
    failed: bool = False

    def command(self, part: str, root: Path) -> list[str]:
        """Returns the command line that makes a stage or an export in a folder of runs."""
        if part in EXPORTS:
            return ["export", str(root / "toy"), str(root / EXPORTS[part]), "--format", part]
        return [part, str(self.folder / "toy.yaml"), f"output={root}"]

    def product(self, part: str, root: Path) -> list[Path]:
        """Returns the paths that a stage or an export leaves."""
        if part in EXPORTS:
            return [root / EXPORTS[part]]
        return [root / "toy" / "model", root / "toy" / "results.json"] if part == "report" else [root / "toy" / part]

    def counted(self, part: str, root: Path) -> list[Path]:
        """Returns the paths below which its file operations are counted."""
        if part in EXPORTS:
            return [root / "export"]
        if part == "report":
            return [root / "toy" / name for name in (".results", "results", ".report", "report", ".model", "model")]
        return [root / "toy" / part, root / "toy" / f".{part}"]

    def undisturbed(self, twice: bool) -> None:
        """Makes the whole run, and a second one that must be the same."""
        for name in ("whole", "again") if twice else ("whole",):
            root = self.folder / name
            for part in (*STAGES, *EXPORTS):
                ended = attempt(self.command(part, root), self.counted(part, root))
                if ended.code != 0:
                    raise SystemExit(f"soak: the undisturbed {part} ended with {ended.code}:\n{ended.said}")
        for part in (*STAGES, *EXPORTS) if twice else ():
            if self.found(part, self.folder / "again") != self.found(part, self.folder / "whole"):
                pairs = zip(
                    self.found(part, self.folder / "again"), self.found(part, self.folder / "whole"), strict=True
                )
                names = [
                    name for one, two in pairs for name in one.keys() | two.keys() if one.get(name) != two.get(name)
                ]
                raise SystemExit(f"soak: {part} is not the same twice, even undisturbed: {', '.join(names)}")
        shutil.rmtree(self.folder / "again", ignore_errors=True)

    def found(self, part: str, root: Path) -> list[dict[str, str]]:
        """Returns the results that must be the same."""
        return [fingerprint(path) for path in self.product(part, root)]

    def before(self, part: str, root: Path) -> Path:
        """Makes a copy of the whole run as it was before a part was made."""
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True, exist_ok=True)
        shutil.copytree(self.folder / "whole" / "toy", root / "toy", dirs_exist_ok=True)
        for later in STAGES[STAGES.index(part) :] if part in STAGES else ():
            for path in self.product(later, root):
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        (root / "export").mkdir(exist_ok=True)
        return root

    def moments(self, part: str) -> list[str]:
        """Returns the file operations of a part without disturbance."""
        root = self.before(part, self.folder / "copy")
        return attempt(self.command(part, root), self.counted(part, root)).moments

    def strike(
        self,
        kind: str,
        part: str,
        strike: Strike | None,
        promised: Callable[[Ended], bool],
        *,
        root: Path | None = None,
        mend: Callable[[], None] | None = None,
        moment: str = "",
        near: bool = False,
    ) -> Ended:
        """Makes a part with a disturbance, then makes it again, and records both results.

        Args:
            kind: Kind of the disturbance.
            part: A stage or an export.
            strike: The disturbance; None if it is in the environment of the process.
            promised: Returns whether the attempt ended as promised. It may also have been finished before.
            root: Folder that the caller has prepared; None for a copy of the whole run.
            mend: Repairs the environment before the second attempt.
            moment: Text for the moment in the table.
            near: Whether the numbers need only be close, because they were added up in another order.
        """
        place = root or self.before(part, self.folder / "copy")
        ended = attempt(self.command(part, place), self.counted(part, place), strike)
        if strike is not None and strike.moment is not None and not moment:
            at = ended.moments[strike.moment - 1] if len(ended.moments) >= strike.moment else "not reached"
            moment = (
                f"{strike.moment}: {at.replace(str(place), '')}{f' + {strike.delay * 1e3:.0f} ms' * bool(strike.delay)}"
            )
        is_right = (promised(ended) or ended.code == 0) and not ended.is_defect
        if mend is not None:
            mend()
        second = attempt(self.command(part, place), self.counted(part, place))
        # An export that was finished before the disturbance is not made again.
        done = second.code == 0 or (part in EXPORTS and "exists already" in second.said)
        same = done and (near or self.found(part, place) == self.found(part, self.folder / "whole"))
        if near and same:
            same = self.distance(part, place) < 1e-4
        first = f"signal {-ended.code}" if ended.code < 0 else f"exit {ended.code}"
        last = " ".join(ended.said.split())[-160:]
        self.rows.append(
            (
                kind,
                part,
                moment,
                first if is_right else f"**{first}: {last}**",
                "the same" if same else "**not the same**",
            )
        )
        if not (is_right and same):
            self.failed = True
            print(
                f"FAILED {kind} {part} {moment}\n{ended.code} {ended.said}\n{second.code} {second.said}",
                file=sys.stderr,
            )
        return ended

    def distance(self, part: str, root: Path) -> float:
        """Returns the largest difference between a weight of a stage and that of the whole run."""
        from safetensors.torch import load_file

        worst = 0.0
        for path in sorted((self.folder / "whole" / "toy" / part).rglob("*.safetensors")):
            other = load_file(root / "toy" / part / path.relative_to(self.folder / "whole" / "toy" / part))
            worst = max([worst, *(float((other[key] - value).abs().max()) for key, value in load_file(path).items())])
        return worst


if __name__ == "__main__":
    raise SystemExit("soak_pipeline.py is a part of other scripts: run soak.py")
