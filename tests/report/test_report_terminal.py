import io
import json

import pytest
from rich.console import Console
from synthetic_workspace import build_results, estimate

from moesaic.cli.stages import _show_table
from moesaic.errors import CheckpointError
from moesaic.report import few_line, kept_line, language_table, paired_line, ratio_line, terminal_table
from moesaic.report.summary import Summary, language_title, metric_of, system_title


def shown(table, width=140):
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(table)
    return stream.getvalue()


def test_terminal_table_has_a_row_per_system_and_means():
    text = shown(terminal_table(build_results(baselines=("ties",))))
    rows = [line for line in text.splitlines() if line.startswith("│")]
    assert [row.split("│")[1].strip() for row in rows] == ["Base", "Own experts", "MoE", "TIES merge"]
    assert "0.605" in rows[2]
    assert "n 800" in text
    assert "mean over 4 languages" in text


def test_best_value_is_bold():
    table = terminal_table(build_results())
    loss = [text.style for text in table.columns[1].cells]
    assert loss == ["", "", "bold"]
    few = build_results()
    for systems in few["systems"].values():
        for score in systems["loss"].values():
            score["n"] = 29
    assert [text.style for text in terminal_table(few).columns[1].cells] == ["", "", ""]
    assert few_line(few) == "Few problems (Loss: 29 problems): below 30 no difference is called better or worse"
    assert few_line(build_results()) == ""


def test_language_table_has_intervals():
    text = shown(language_table(build_results(("python", "cpp"))))
    assert "0.556" in text
    assert "0.526\N{EN DASH}0.586" in text
    assert text.index("Python") < text.index("C++")


def test_markup_in_names_is_not_markup():
    results = build_results(("python", "[red]x[/red]"))
    results["systems"]["[bold]y"] = results["systems"]["moe"]
    assert "[bold]y" in shown(terminal_table(results))
    assert "[red]x[/red]" in shown(language_table(results))


def test_one_language_and_no_generated_programs():
    text = shown(terminal_table(build_results(("java",), generated=False)))
    assert "Systems, Java" in text
    assert "CodeBLEU" not in text


def test_partial_system_says_so_and_is_not_best():
    results = build_results()
    results["systems"]["arrow"] = {"loss": {"python": estimate(0.1)}}
    assert "Arrow (1 of 4 languages)" in shown(terminal_table(results))
    assert Summary(results).best(metric_of("loss")) == {"moe"}


def test_a_metric_of_one_language_says_so_in_its_column_and_has_a_best():
    results = build_results(("python", "java"))
    for system, value in (("base", 0.1), ("expert:python", 0.3), ("moe", 0.2)):
        results["systems"][system]["pass@1 own"] = {"python": estimate(value)}
    results["systems"]["experts"] |= {"pass@1 own": {"python": estimate(0.3)}}
    text = shown(terminal_table(results))
    rows = [line for line in text.splitlines() if line.startswith("│")]
    assert [row.split("│")[1].strip() for row in rows] == ["Base", "Own experts", "MoE"]
    assert "1 of 2 languages" in text
    assert Summary(results).best(metric_of("pass@1 own")) == {"experts"}


def test_ratio_line_compares_over_common_languages():
    systems = {
        "base": {"loss": {"python": estimate(2.0, 10), "java": estimate(1.0, 10)}},
        "expert:python": {"loss": {"python": estimate(0.5, 10)}},
        "moe": {"loss": {"python": estimate(0.4, 10), "java": estimate(9.0, 10)}},
    }
    line = ratio_line({"systems": systems})
    assert line == "MoE loss 0.400 is 80.0% of its experts' 0.500 and 20.0% of the base's 2.000 (Python, n = 10)"


def test_ratio_line_without_partners():
    assert ratio_line({"systems": {"base": {"loss": {"java": estimate(1.0)}}}}) == ""
    assert ratio_line({"systems": {"moe": {"loss": {"java": estimate(1.0, 5)}}}}) == "MoE loss 1.000 (Java, n = 5)"


def test_paired_line_says_how_far_the_moe_is_from_its_own_experts():
    results = build_results()
    expected = "MoE minus its own experts: loss -0.025 [-0.035, -0.015], CodeBLEU +0.030 [+0.020, +0.040]"
    assert paired_line(results) == expected
    assert paired_line(build_results(generated=False)) == expected.partition(", CodeBLEU")[0]
    results["paired"]["experts"]["loss"]["mean"] |= {"low": None, "high": None}
    assert paired_line(results) == "MoE minus its own experts: loss -0.025, CodeBLEU +0.030 [+0.020, +0.040]"
    del results["paired"]["experts"]
    assert paired_line(results) == ""
    del results["paired"]
    assert paired_line(results) == ""


def test_a_run_ends_with_where_the_moe_stands(tmp_path, capsys):
    results = build_results(("python", "java"))
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results))
    _show_table(tmp_path)
    assert capsys.readouterr().out.splitlines()[-3:] == [
        ratio_line(results),
        paired_line(results),
        kept_line(results),
    ]
    del results["paired"]  # a run made before there were comparisons
    path.write_text(json.dumps(results))
    _show_table(tmp_path)
    assert capsys.readouterr().out.splitlines()[-2:] == [ratio_line(results), kept_line(results)]


def test_own_experts_are_found_without_their_row():
    results = build_results()
    whole = Summary(results).mean("experts", "loss").value
    del results["systems"]["experts"]
    assert Summary(results).mean("experts", "loss").value == whole


def test_interval_of_a_mean_is_the_mean_of_the_intervals():
    systems = {"moe": {"loss": {"python": estimate(1.0, 4, 0.1), "java": estimate(2.0, 6, 0.3)}}}
    score = Summary({"systems": systems}).mean("moe", "loss")
    assert (score.value, score.n, score.num_languages) == (1.5, 10, 2)
    assert (score.low, score.high) == (pytest.approx(1.3), pytest.approx(1.7))


def test_unknown_metric_is_shown_as_it_is_called():
    systems = {"moe": {"chrf": {"java": estimate(0.5)}, "loss": {"java": estimate(0.5)}}}
    assert [metric.title for metric in Summary({"systems": systems}).metrics] == ["Loss", "chrf"]


def test_nothing_is_best_when_all_are_equal():
    systems = {name: {"loss": {"java": estimate(0.5)}} for name in ("base", "moe")}
    assert Summary({"systems": systems}).best(metric_of("loss")) == set()


def test_names_for_people():
    assert metric_of("pass@1 mbxp").title == "pass@1 mbxp"
    assert metric_of("pass@1 mbxp").format(0.25) == "25.0%"
    assert system_title("expert:cpp") == "C++ expert"
    assert system_title("something") == "something"
    assert language_title("klingon") == "klingon"


def test_results_without_systems_are_refused():
    with pytest.raises(CheckpointError, match="systems"):
        terminal_table({"versions": {}})


def test_empty_table_draws():
    assert "System" in shown(terminal_table({"systems": {}}))
    assert "System" in shown(language_table({"systems": {"moe": {"loss": {"java": {"value": None}}}}}))


def kept_results():
    results = build_results(("python", "java"))
    leaf = {
        "both": 60,
        "lost": 30,
        "won": 5,
        "neither": 69,
        "difference": -0.15,
        "low": -0.22,
        "high": -0.09,
        "p": 3e-5,
    }
    mean = leaf | {"both": 120, "lost": 60, "won": 10, "neither": 138}
    results["kept"] = {"humaneval-x": {"python": leaf, "java": leaf, "mean": mean}}
    return results


def test_kept_line_says_what_was_lost_or_that_nobody_looked(tmp_path):
    results = kept_results()
    line = "MoE against its base, humaneval-x: 60 of 180 problems lost, 10 won, -15.0 [-22.0, -9.0]"
    assert kept_line(results) == line
    del results["kept"]["humaneval-x"]["mean"]
    assert kept_line(results) == line.partition(", -15")[0]
    del results["kept"]
    unmeasured = "Loss of ability was not measured: "
    assert kept_line(results) == f"{unmeasured}the recipe names no benchmark (predict.benchmarks)"
    results["recipe"]["predict"]["benchmarks"] = {"mbxp": "x"}
    assert kept_line(results).startswith(f"{unmeasured}mbxp was not judged (evaluate.allow_code_execution")
    del results["systems"]["moe"]
    assert kept_line(results) == ""


def test_the_summary_of_a_run_ends_with_what_was_lost(tmp_path, capsys):
    (tmp_path / "results.json").write_text(json.dumps(kept_results()))
    _show_table(tmp_path)
    assert capsys.readouterr().out.splitlines()[-1].startswith("MoE against its base, humaneval-x: 60 of 180")


def test_a_benchmark_stands_where_pass_at_1_does():
    scores = {"python": {"value": 0.5, "n": 40}}
    keys = ("loss", "parse_share", "bleu", "codebleu", "chrf", "pass@1 humaneval-x")
    metrics = Summary({"systems": {"moe": dict.fromkeys(keys, scores)}}).metrics
    assert [metric.title for metric in metrics] == ["Loss", "CodeBLEU", "pass@1 humaneval-x", "Parses", "BLEU", "chrf"]
