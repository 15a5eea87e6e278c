"""The comparison with the study, on a workspace and a study folder that are written here."""

import importlib.util
import json
import random
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from moesaic.codebleu import codebleu
from moesaic.data.detokenize import detokenize
from moesaic.parsing import parses

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "study_table.py"
STREAMS = {
    "python": "def total_{0} ( n ) : NEW_LINE INDENT result = n * {0} NEW_LINE return result NEW_LINE DEDENT"
    " print ( ' Sum ▁ of ▁ {0} ' , total_{0} ( {0} ) ) NEW_LINE",
    "java": "class Sum{0} {{ static int total ( int n ) {{ int result = n * {0} ; return result ; }}"
    " public static void main ( String [ ] args ) {{ System . out . println ( total ( {0} ) ) ; }} }}",
}
NUMBERS = range(3, 9)


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("study_table", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def worse(source, number):
    """The program with some of its names changed: still a program, with a lower score that depends on the number."""
    return source.replace("result", f"other{number}") if number % 2 else re.sub(r"\bn\b", "count", source)


@pytest.fixture
def folders(tmp_path):
    """A run whose MoE gives the references, and a study whose experts are worse; two programs are not in the run."""
    run, study = tmp_path / "run", tmp_path / "study"
    for language, stream in STREAMS.items():
        rows = []
        for number in NUMBERS:
            code = detokenize(stream.format(number), language)
            rows.append({"id": f"p{number}", "language": language, "text": "Add numbers", "reference": code})
        ways = {
            "base": lambda code, number: "",
            f"expert-{language}": worse,
            "moe": lambda code, number: code,
        }
        for system, way in ways.items():
            predicted = [{**row, "prediction": way(row["reference"], int(row["id"][1:]))} for row in rows]
            write(run / "predict" / "predictions" / system / f"{language}.jsonl", predicted)
        for part, numbers in (("experts", (*NUMBERS, 101, 102)), ("base", (*NUMBERS, 101, 102)), ("moe", (4, 5, 101))):
            streams = [(stream.format(number), number) for number in numbers]
            write(
                study / part / f"{language}.jsonl",
                [
                    {"reference": text, "prediction": "NST] \\n " + worse(text, number) if part != "base" else "1 2"}
                    for text, number in streams
                ],
            )
    return run, study


def test_scores_are_those_of_the_restored_programs(script, folders):
    result = script.study_table(*folders)
    table = result["tables"]["experts"]
    assert table["programs"] == {"python": 6, "java": 6}
    assert result["tables"]["moe"]["programs"] == {"python": 2, "java": 2}
    assert result["missing"] == []
    systems = table["systems"]
    assert systems["run moe"]["codebleu"]["mean"] == {"value": 1.0, "n": 12, "low": 1.0, "high": 1.0}
    assert systems["run base"]["codebleu"]["mean"]["value"] == 0.0
    means = []
    for language, stream in STREAMS.items():
        references = [detokenize(stream.format(number), language) for number in NUMBERS]
        predictions = [detokenize(worse(stream.format(number), number), language) for number in NUMBERS]
        means.append(codebleu(predictions, references, language).codebleu)
        assert systems["study experts"]["codebleu"][language]["value"] == pytest.approx(means[-1])
        assert systems["study experts"]["parse_share"][language]["value"] == 1.0
    assert 0.2 < means[0] < 0.95
    assert systems["study experts"]["codebleu"]["mean"]["value"] == pytest.approx(np.mean(means))
    assert systems["run moe"]["difference"]["mean"]["value"] == pytest.approx(1 - np.mean(means))
    assert "difference" not in systems["study experts"]
    assert "study moe" in result["tables"]["moe"]["systems"]


def test_programs_are_found_in_any_order_and_counted_once(script, folders):
    before = script.study_table(*folders)
    path = folders[1] / "experts" / "python.jsonl"
    lines = path.read_text().splitlines()
    random.Random(2).shuffle(lines)
    path.write_text("\n".join([*lines, json.dumps(json.loads(lines[0]) | {"prediction": "a later one"})]) + "\n")
    assert script.study_table(*folders) == before


def test_the_trimmed_row_is_without_what_follows_the_program(script, folders):
    before = script.study_table(*folders)["tables"]["experts"]["systems"]
    path = folders[1] / "experts" / "python.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    write(path, [row | {"prediction": row["prediction"] + " 7 NEW_LINE 8 NEW_"} for row in rows])
    after = script.study_table(*folders)["tables"]["experts"]["systems"]
    clean = before["study experts"]["codebleu"]["python"]
    assert after["study experts, trimmed"]["codebleu"]["python"] == clean
    assert after["study experts"]["codebleu"]["python"]["value"] < clean["value"]


def test_differences_are_paired_by_program_and_problems_drawn_with_all_their_languages(script):
    """Figures of the function that published them, before it became ``estimate_over_problems``."""
    generator = np.random.default_rng(3)
    ids = {"python": range(40), "java": range(20, 70)}
    ours, theirs = (
        {name: [(str(number), float(generator.random())) for number in numbers] for name, numbers in ids.items()}
        for _ in range(2)
    )
    table = script.estimates(script.differences(ours, theirs), ["python", "java"])
    exact = [np.mean([a - b for (_, a), (_, b) in zip(ours[name], theirs[name], strict=True)]) for name in ids]
    assert [table[name]["value"] for name in ids] == pytest.approx(exact)
    assert table["mean"] == pytest.approx(
        {"value": np.mean(exact), "n": 90, "low": -0.065228607910268, "high": 0.09225293388132501}
    )
    assert "mean" not in script.estimates(script.differences(ours, theirs), ["python", "java", "cpp"])


@pytest.mark.parametrize(
    ("prediction", "repaired"),
    [
        ("E] \\n int x ;", "NEW_LINE int x ;"),
        (" ] x = [ 1 ]", "x = [ 1 ]"),
        ("a [ 0 ] \\n b", "a [ 0 ] NEW_LINE b"),
        ('cout << " a \\n " ; \\n x', 'cout << " a \\n " ; NEW_LINE x'),
        ('print ( " Modified   array     is " )', 'print ( " Modified ▁ array ▁ ▁ is " )'),
        ('a = "x   y"\nb \\n c', 'a = "x   y"\nb \n c'),
    ],
)
def test_repair(script, prediction, repaired):
    assert script.repair(prediction) == repaired


@pytest.mark.parametrize(
    ("language", "tail"),
    [
        ("java", "aupt; 1; 2"),
        ("cpp", "-- -- 5; Driver Code[/ INST]"),
        ("python", "1\n2\nNEW_"),
        ("javascript", "1;\n2"),
    ],
)
def test_trim_cuts_what_follows_the_program(script, language, tail):
    program = {
        "java": "class A {\n    void f() {\n    }\n}\n",
        "cpp": "int f() {\n    return 1;\n}\n\nint main() {\n    return f();\n}\n",
        "python": "for x in [1]:\n    print(x)\n",
        "javascript": "let x = 1;\nf(\n    x\n);\n",
    }[language]
    assert parses(program, language)
    assert script.trim(program, language) == program
    assert script.trim(f"{program}{tail}\n", language) == program


def test_what_is_missing_is_said(script, folders, capsys):
    run, study = folders
    (run / "predict" / "predictions" / "expert-java" / "java.jsonl").unlink()
    (study / "base" / "python.jsonl").unlink()
    out = run / "table.json"
    assert script.main([str(run), str(study), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "Missing: the run has no predictions of expert-java for java." in printed
    assert "Missing: the study has no base/python.jsonl." in printed
    systems = json.loads(out.read_text())["tables"]["experts"]["systems"]
    assert list(systems["run moe"]["codebleu"]) == ["java", "mean"]
    assert "run experts" not in systems


def test_a_language_without_predictions_leaves_the_others(script, folders):
    run, study = folders
    (run / "predict" / "predictions" / "expert-java" / "java.jsonl").unlink()
    systems = script.study_table(run, study)["tables"]["experts"]["systems"]
    assert set(systems["run experts"]["codebleu"]) == {"python"}, "no mean over fewer languages than the others"
    assert set(systems["run moe"]["codebleu"]) == {"python", "java", "mean"}


def test_nothing_to_compare_is_an_error_without_traceback(script, folders, tmp_path, capsys):
    run, study = folders
    assert script.main([str(tmp_path), str(study)]) == 2
    assert "has no predict/predictions/<system>/<language>.jsonl" in capsys.readouterr().err
    assert script.main([str(run), str(tmp_path)]) == 2
    assert "has no experts/<language>.jsonl" in capsys.readouterr().err
    for path in study.glob("experts/*.jsonl"):
        write(path, [{"reference": "x = 1 NEW_LINE", "prediction": "x"}])
    assert script.main([str(run), str(study)]) == 2
    assert "no program of" in capsys.readouterr().err
