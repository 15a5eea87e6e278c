import base64
import hashlib
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from io import StringIO

import pytest
from rich.console import Console
from synthetic_workspace import LANGUAGES, build_results, build_workspace

from moesaic.errors import CheckpointError
from moesaic.report import language_table, paired_line, ratio_line, render_report, terminal_table, write_report
from moesaic.report.page import duration

HOSTILE = "</code></pre><script>alert(1)</script><img src=http://attacker.example/x onerror=alert(2)>\"'`{{ 7 * 7 }}"
VOID = {"meta", "br", "img", "link", "input", "hr"}


class Page(HTMLParser):
    """Reads a page the strict way: every tag closed, in order."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.stack, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), tuple(self.stack)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), tuple(self.stack)))

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [attrs for name, attrs, _ in self.elements if name == tag]

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "full"
    return build_workspace(folder, results=build_results(baselines=("ties", "dense_lora")))


@pytest.fixture(scope="module")
def page(full):
    return Page(render_report(full))


def test_headline_says_where_the_moe_stands(page):
    # mean losses of the synthetic run: MoE 0.605, experts 0.630, base 1.600
    assert "MoE loss 0.605 is 96.0% of its experts' 0.630 and 37.8% of the base's 1.600" in page.text
    assert "Made-up GPU (80 GiB), 16 cores" in page.text
    assert "6 min 38 s" in page.text


def test_every_section_is_there_and_linked(page):
    sections = [attrs["id"] for attrs in page.all("section")]
    assert sections == [
        "results",
        "languages",
        "cross",
        "routing",
        "training",
        "guards",
        "data",
        "samples",
        "recipe",
    ]
    links = [attrs["href"] for attrs in page.all("a")]
    assert links == ["#results", *(f"#{name}" for name in sections)]


def test_further_sources_have_rows_of_their_own_in_the_data_table(page):
    _, _, after = page.text.partition("train, from mbxp:made-up")
    assert "3,223" in after
    assert "left out: held out" in after
    assert "77" in after.partition("left out: held out")[2]


def test_charts_per_metric_language_and_run(page):
    # 4 metrics, 2 routing tables x 4 languages, 4 experts and 2 gate stretches
    assert len(page.all("figure")) == 4 + 8 + 6
    labels = [(attrs, stack) for tag, attrs, stack in page.elements if tag == "svg" and "figure" in stack]
    assert all(attrs["role"] == "img" and attrs["aria-labelledby"] for attrs, _ in labels)


def test_page_is_accessible(page):
    ids = [attrs["id"] for _, attrs, _ in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    for attrs in [*page.all("svg"), *page.all("section")]:
        for key in attrs.get("aria-labelledby", "").split():
            assert key in ids
    assert page.all("html")[0]["lang"] == "en"
    assert all("scope" in attrs for attrs in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    assert len(page.all("h1")) == 1


def test_nothing_is_fetched_and_nothing_runs(page, full):
    assert not {"script", "link", "img", "iframe", "object", "embed", "form", "base"} & {e[0] for e in page.elements}
    for _, attrs, _ in page.elements:
        assert "style" not in attrs  # the policy would refuse it
        assert not [key for key in attrs if key.startswith("on") or key in ("src", "srcset", "xlink:href", "action")]
    text = render_report(full)
    assert "url(" not in text
    assert "@import" not in text
    policy = next(attrs["content"] for attrs in page.all("meta") if attrs.get("http-equiv"))
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL).group(1)
    assert base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() in policy


def test_hostile_text_is_only_text(tmp_path):
    results = build_results(("python", HOSTILE))
    results["skipped"] = [HOSTILE]
    results["systems"][HOSTILE] = results["systems"]["moe"]
    results["systems"]["moe"][HOSTILE] = results["systems"]["moe"]["bleu"]
    results["recipe"]["name"] = results["hardware"]["gpu"] = results["versions"]["torch"] = HOSTILE
    results["recipe"]["base"]["model"] = results["data"]["source"] = HOSTILE
    results["routing"]["dead"] = [f"3/{HOSTILE}"]
    results["guards"]["moe"]["python"] = {HOSTILE: 0.5}
    workspace = build_workspace(tmp_path / "run", ("python",), results=results, hostile=HOSTILE)
    text = render_report(workspace)
    page = Page(text)
    assert page.all("script") == page.all("img") == []
    assert "<script" not in text.replace("&lt;script", "")
    assert "alert(1)" in page.text  # it is shown, as text
    assert "{{ 7 * 7 }}" in page.text
    assert "49" not in page.all("title")[0].values()


def test_best_is_marked_only_among_comparable_systems(tmp_path):
    results = build_results()
    results["systems"]["arrow"] = {"loss": {"python": {"value": 0.01, "n": 5, "low": 0.0, "high": 0.02}}}
    text = render_report(build_workspace(tmp_path / "run", results=results))
    table = text[text.index("<table ") : text.index("</table>")]
    best = re.findall(r'class="best"><b>([\d.%]+)</b>', table)
    assert best == ["0.605", "0.400", "81.4%", "0.185"]  # the MoE's row; Arrow has one language of four
    assert "1 of 4 languages" in table


def minus_table(text):
    """Header -> cells (class, text, note) of the table of differences."""
    table = text[text.index("<h3>The MoE minus every other system</h3>") :]
    table = table[table.index("<tbody") : table.index("</tbody>")]
    cell = re.compile(
        r'<td role="cell" data-column="[^"]*"(?: class="(.*?)")?><b>(.*?)</b>(?:<small>(.*?)</small>)?</td>'
    )
    rows = re.findall(r'<tr role="row"><th role="rowheader" scope="row">(.*?)</th>(.*?)</tr>', table)
    return {header: cell.findall(cells) for header, cells in rows}


def test_differences_to_the_moe_say_in_words_what_is_better(full, tmp_path):
    text = render_report(full)
    rows = minus_table(text)
    assert '<th role="columnheader" scope="col">MoE minus</th><th role="columnheader" scope="col">Loss ↓</th>' in text
    assert 'scope="col">Parses ↑, points</th>' in text
    assert list(rows) == ["Base", "Own experts", "TIES merge", "Dense LoRA"]
    # losses of the synthetic run: MoE 0.605, base 1.600, experts 0.630; CodeBLEU 0.40, 0.16, 0.37
    assert rows["Base"][0] == ("better", "better -0.995", "[-1.005, -0.985], n 800")
    assert rows["Own experts"][:2] == [
        ("better", "better -0.025", "[-0.035, -0.015], n 800"),
        ("better", "better +0.030", "[+0.020, +0.040], n 192"),
    ]
    assert rows["Base"][2] == ("better", "better +52.8", "[+51.8, +53.8], n 192")


@pytest.mark.parametrize(
    ("metric", "low", "value", "high", "text", "note"),
    [
        ("loss", 0.01, 0.02, 0.03, "worse +0.020", "[+0.010, +0.030], n 30"),
        ("loss", -0.03, -0.02, -0.01, "better -0.020", "[-0.030, -0.010], n 30"),
        ("codebleu", -0.03, -0.02, -0.01, "worse -0.020", "[-0.030, -0.010], n 30"),
        ("codebleu", 0.01, 0.02, 0.03, "better +0.020", "[+0.010, +0.030], n 30"),
        ("codebleu", -0.01, 0.02, 0.03, "+0.020", "[-0.010, +0.030], n 30"),
        ("parse_share", -0.002, -0.0001, 0.03, "+0.0", "[-0.2, +3.0], n 30"),
        ("loss", -0.01, -0.0001, 0.0, "+0.000", "[-0.010, +0.000], n 30"),
        ("codebleu", 0.0, 0.0, 0.0, "+0.000", "[+0.000, +0.000], n 30"),
        ("loss", None, -0.5, None, "-0.500", "n 30"),
    ],
)
def test_only_an_interval_without_zero_is_marked(tmp_path, metric, low, value, high, text, note):
    results = build_results(("java",))
    results["paired"] = {"base": {metric: {"mean": {"value": value, "n": 30, "low": low, "high": high}}}}
    rows = minus_table(render_report(build_workspace(tmp_path / "run", ("java",), results=results)))
    verdict = text.split()[0]
    assert rows == {"Base": [(verdict if verdict in ("better", "worse") else "", text, note)]}


@pytest.mark.parametrize(
    ("leaf", "css_class", "text", "few"),
    [
        ({"n": 120}, "better", "better -0.020", ""),
        ({"n": 116}, "few", "-0.020", ", only 29 problems"),  # four languages with the same 29
        ({"n": 16}, "few", "-0.020", ", only 4 problems"),
        ({"n": 116, "problems": 30}, "better", "better -0.020", ""),
        ({"n": 1000, "problems": 1}, "few", "-0.020", ", only 1 problem"),
    ],
)
def test_few_problems_decide_nothing(tmp_path, leaf, css_class, text, few):
    results = build_results()
    results["paired"] = {"base": {"loss": {"mean": {"value": -0.02, "low": -0.03, "high": -0.01, **leaf}}}}
    page = render_report(build_workspace(tmp_path / "run", results=results))
    assert minus_table(page)["Base"] == [(css_class, text, f"[-0.030, -0.010], n {leaf['n']:,}{few}")]
    assert ('class="note few"' in page) is bool(few)


def test_a_run_of_few_problems_says_so_before_its_table_and_marks_nothing(tmp_path):
    def few(found):
        return (
            {key: 4 if key == "n" else few(value) for key, value in found.items()} if isinstance(found, dict) else found
        )

    results = build_results()
    results["systems"], results["paired"] = few(results["systems"]), few(results["paired"])
    text = render_report(build_workspace(tmp_path / "run", results=results))
    note, table = text.index("Few problems (Loss, CodeBLEU, Parses, BLEU: 1 problem)"), text.index("<table")
    assert note < table
    for css_class in ("best", "better", "worse"):
        assert f'class="{css_class}"' not in text
    assert "nats per code token, only 4 problems" in text


def test_a_difference_without_a_mean_is_a_dash(tmp_path):
    results = build_results(baselines=("ties",))
    del results["paired"]["ties"]["codebleu"]["mean"], results["paired"]["base"]
    rows = minus_table(render_report(build_workspace(tmp_path / "run", results=results)))
    assert list(rows) == ["Own experts", "TIES merge"]
    assert rows["TIES merge"][1] == ("", "\N{EN DASH}", "")
    assert rows["Own experts"][1][1] == "better +0.030"


@pytest.mark.parametrize("paired", [None, {}, [], {"base": {"loss": {"java": {"value": 1.0, "n": 3}}}}])
def test_results_without_comparisons_have_no_such_table(tmp_path, paired):
    results = build_results()
    del results["paired"]
    if paired is not None:
        results["paired"] = paired
    assert "less every other" not in render_report(build_workspace(tmp_path / "run", results=results))


def test_cross_table_frames_experts_at_home(page):
    cells = [attrs["class"].split() for attrs in page.all("td") if "shade" in attrs.get("class", "")]
    assert len(cells) == 6 * 4  # base, four experts and the MoE on four languages
    assert sum("own" in cell for cell in cells) == 4
    assert sum("shade9" in cell for cell in cells) == 8  # the MoE and the expert at home, far from the rest


def test_dead_experts_are_named(page, tmp_path):
    assert "layer 3: C++ expert" in page.text
    results = build_results()
    results["routing"]["dead"] = []
    assert "No dead experts" in render_report(build_workspace(tmp_path / "run", results=results))


def test_samples_are_a_dozen_and_the_same_every_time(page, full):
    assert len([attrs for attrs in page.all("details") if attrs.get("class") == "sample"]) == 12
    titles = [title for title in page.texts if title in ("Reference", "Base", "MoE", "Java expert")]
    assert titles.count("Reference") == 12
    assert render_report(full) == render_report(full)


def test_samples_need_the_task_in_every_system(tmp_path):
    workspace = build_workspace(tmp_path / "run", ("python",), num_tasks=3)
    path = workspace / "predict" / "predictions" / "moe" / "python.jsonl"
    path.write_text(path.read_text().split("\n")[0] + '\n{"id": "task-1", "pred')  # half-written last line
    page = Page(render_report(workspace))
    assert len([attrs for attrs in page.all("details") if attrs.get("class") == "sample"]) == 1


def test_empty_prediction_and_long_one_are_said(tmp_path):
    workspace = build_workspace(tmp_path / "run", ("python",), num_tasks=1)
    path = workspace / "predict" / "predictions" / "moe" / "python.jsonl"
    row = json.loads(path.read_text())
    path.write_text(json.dumps(row | {"prediction": " \n"}) + "\n")
    base = workspace / "predict" / "predictions" / "base" / "python.jsonl"
    base.write_text(json.dumps(row | {"prediction": "x = 1\n" * 2000}) + "\n")
    text = Page(render_report(workspace)).text
    assert ", empty" in text
    assert "first 6,000 of 12,000 characters" in text


@pytest.mark.parametrize(
    "missing", ["routing", "guards", "data", "paired", "recipe", "versions", "hardware", "seconds"]
)
def test_a_missing_piece_is_left_out(tmp_path, missing):
    results = build_results()
    del results[missing]
    page = Page(render_report(build_workspace(tmp_path / "run", results=results)))
    assert "None" not in page.text
    sections = [attrs["id"] for attrs in page.all("section")]
    assert (missing in sections) == (missing == "recipe")


def test_bare_results_of_one_language_without_anything_else(tmp_path):
    estimate = {"value": 0.7, "n": 3, "low": None, "high": None}
    (tmp_path / "evaluate").mkdir()
    (tmp_path / "evaluate" / "results.json").write_text(
        json.dumps({"systems": {"base": {"loss": {"java": estimate}}, "moe": {"loss": {"java": {"value": None}}}}})
    )
    page = Page(render_report(tmp_path))
    assert [attrs["id"] for attrs in page.all("section")] == ["results", "languages", "recipe"]
    assert "0.700" in page.text
    assert page.all("h1")
    assert [attrs for attrs in page.all("td") if attrs.get("class") == "best"] == []


def test_a_run_of_domains_says_what_its_domains_have(tmp_path):
    domains = ("sql-postgresql", "text-terraform")
    results = build_results(domains)
    del results["data"]["extra"]
    results["skipped"] = []
    for metric in ("codebleu", "parse_share"):  # as of programs that no grammar reads
        for system in results["systems"].values():
            system.pop(metric, None)
        for rows in results["paired"].values():
            del rows[metric]
    plain = dict.fromkeys(("n", "empty", "label_echo", "own_task_overlap", "shuffled_task_overlap"), 0.0)
    results["guards"] = {system: dict.fromkeys(domains, plain) for system in results["guards"]}
    for splits in results["data"]["languages"].values():
        for split in splits:
            splits[split] = splits[split] | {key: None for key in splits[split] if key.startswith("parse_share")}
    folder = tmp_path / "run"
    page = Page(render_report(build_workspace(folder, domains, results=results)))
    assert "language" not in page.text.partition("The resolved recipe")[0].lower()
    assert "Domains SQL (postgresql), terraform" in page.text
    assert "mean over 2 domains" in page.text
    assert "pars" not in page.text.partition("What was read")[2].partition("Sample programs")[0]
    tiles = page.text.partition("Domains")[0]
    assert "MoE BLEU base 0." in tiles
    assert "Loss of ability was not measured: no benchmark has programs of domains." in page.text
    lines = (ratio_line(results), paired_line(results))
    assert "(mean over 2 domains, n = 400)" in lines[0]
    assert "BLEU +" in lines[1]
    drawn = StringIO()
    for table in (terminal_table(results), language_table(results)):
        Console(file=drawn, width=200).print(table)
    assert "anguage" not in drawn.getvalue()


def test_a_run_of_a_language_and_a_domain_has_two_languages(tmp_path):
    results = build_results(("python", "sql-sqlite"))
    del results["systems"]["moe"]["codebleu"]["sql-sqlite"]
    page = Page(render_report(build_workspace(tmp_path / "run", ("python", "sql-sqlite"), results=results)))
    assert "mean over 2 languages" in page.text
    assert "1 of 2 languages" in page.text
    assert "the recipe names no benchmark" in page.text


def test_values_that_are_no_numbers_are_dashes(tmp_path):
    results = build_results()
    results["systems"]["moe"]["loss"]["java"]["value"] = None
    results["systems"]["moe"]["codebleu"]["java"] |= {"value": "nan", "n": [3], "low": {}, "high": True}
    results["routing"]["own_expert"]["java"]["enrichment"] = "inf"
    text = Page(render_report(build_workspace(tmp_path / "run", results=results))).text
    assert "nan" not in text.lower().split()
    assert "inf" not in text.lower().split()


@pytest.mark.parametrize("content", ["[]", "{}", '{"systems": 3}', "{", '{"systems": {"moe": {"loss": NaN}}}'])
def test_unusable_results_are_a_clear_error(tmp_path, content):
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"results\.json"):
        render_report(tmp_path)


def test_no_results_names_the_stage(tmp_path):
    with pytest.raises(CheckpointError, match="moesaic evaluate"):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_write_report_replaces_the_file_whole(full):
    path = write_report(full)
    assert path == full / "report.html"
    assert path.read_text(encoding="utf-8") == render_report(full)
    assert not list(full.glob(".report*"))


def test_page_stays_small(full):
    assert len(render_report(full).encode()) < 400_000


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.42, "0.4 s"), (42.4, "42 s"), (570, "9 min 30 s"), (7500, "2 h 5 min")]
)
def test_duration(seconds, said):
    assert duration(seconds) == said


def test_gain_and_loss_stand_side_by_side_first_after_the_table(tmp_path):
    results = build_results()
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
    mean = leaf | {"lost": 120, "p": 0.25, "low": -0.22, "high": 0.09}
    results["kept"] = {"humaneval-x": {**dict.fromkeys(LANGUAGES, leaf), "mean": mean}}
    page = Page(render_report(build_workspace(tmp_path / "run", results=results)))
    headings = [
        text for text in page.texts if text in ("Gain and loss against the base", "The MoE minus every other system")
    ]
    assert headings[0] == "Gain and loss against the base"
    assert (
        "CodeBLEU, gain humaneval-x: both solve humaneval-x: lost humaneval-x: won humaneval-x: pass@1, points"
        in page.text
    )
    assert "Python better +0.240 [+0.230, +0.250] 60 30 5 worse -15.0 [-22.0, -9.0], p < 0.001" in page.text
    assert "All languages better +0.240 [+0.230, +0.250] 60 120 5 -15.0 [-22.0, +9.0], p 0.250" in page.text


def test_the_base_s_answers_are_counted_beside_the_data(tmp_path):
    results = build_results()
    facts = {"prompts": 410, "answers": 410, "kept": 236, "verified": True}
    facts |= {"left_out": {"fails_tests": 174, "too_long": 0}}
    results["keep"] = {"source": "mbxp:made-up", "languages": {"python": facts, "java": facts | {"verified": False}}}
    page = Page(render_report(build_workspace(tmp_path / "run", results=results)))
    assert "Kept 236 236 left out: fails tests 174 174 Run against tests yes no" in page.text
    assert "too long 0" not in page.text


def test_a_run_without_a_benchmark_says_that_loss_was_not_measured(page):
    assert "Loss of ability was not measured: the recipe names no benchmark (predict.benchmarks)." in page.text


def test_report_imports_no_torch():
    code = "import sys, moesaic.report; print('torch' in sys.modules or 'transformers' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


def test_languages_follow_the_recipe(tmp_path):
    results = build_results()
    results["recipe"]["data"]["languages"] = list(reversed(LANGUAGES))
    text = Page(render_report(build_workspace(tmp_path / "run", results=results))).text
    assert "Languages C++, JavaScript, Java, Python" in text
