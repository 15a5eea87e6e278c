"""Results by strangers: the report is made of what can be read, or refused with one message."""

import io

from hypothesis import given
from rich.console import Console
from synthetic_workspace import build_results, build_workspace

from hostile import amounts, damaged_bytes, draws, dumps, json_lines, mutated, soon
from moesaic.files import read_json_object
from moesaic.report import language_table, paired_line, ratio_line, render_report, terminal_table

RESULTS = build_results(("python", "java"), baselines=("linear",))
METRICS = [{"step": 1, "seconds": 0.1, "loss": 1.0, "rate": 1e-4}, {"step": 2, "seconds": 0.2, "validation_loss": 1.0}]
PREDICTION = {"id": "t", "language": "python", "text": "say", "reference": "x", "prediction": "y", "stopped": True}
SCORES = {"id": "t", "parse_share": 1.0, "codebleu": 0.5}


@amounts
def test_any_results_end_in_a_report_or_one_message(tmp_path, amount):
    build_workspace(tmp_path, ("python", "java"), num_tasks=2)

    @draws(amount)
    @given(
        mutated(RESULTS, 6).flatmap(lambda tree: damaged_bytes(dumps(tree).encode())),
        json_lines(METRICS),
        json_lines([PREDICTION]),
        json_lines([SCORES]),
    )
    def report(results, metrics, predictions, scores):
        (tmp_path / "results.json").write_bytes(results)
        (tmp_path / "experts" / "java" / "metrics.jsonl").write_bytes(metrics)
        (tmp_path / "predict" / "predictions" / "moe" / "java.jsonl").write_bytes(predictions)
        (tmp_path / "evaluate" / "rows" / "moe" / "java.jsonl").write_bytes(scores)
        with soon():
            render_report(tmp_path)
        with soon():
            tree = read_json_object(tmp_path / "results.json")
            with io.StringIO() as out:
                console = Console(file=out)
                console.print(terminal_table(tree))
                console.print(language_table(tree))
                console.print(ratio_line(tree), paired_line(tree), markup=False)

    report()
