"""The page in a real browser: it draws, says nothing on the console and asks nothing of the network."""

import json
import os
import shutil
import subprocess

import pytest
from synthetic_workspace import LANGUAGES, build_results, build_workspace

from moesaic.report import write_report

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SHOTS = os.environ.get("MOESAIC_SHOTS")  # a folder to look at
HOST = "attacker.example"
HOSTILE = f"<script>console.error('ran')</script><img src='http://{HOST}/x.png'><link rel=stylesheet href=//{HOST}/y>"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH (Debian: apt-get install chromium)"),
]


def browse(page, folder, *options):
    """Opens a page; returns the console messages, the URLs asked for and what was printed."""
    log = folder / "net.json"
    result = subprocess.run(
        [
            CHROMIUM,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
            f"--user-data-dir={folder / 'profile'}",
            f"--log-net-log={log}",
            "--enable-logging=stderr",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            *options,
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=800,
        check=True,
    )
    console = [line for line in result.stderr.splitlines() if "CONSOLE" in line]
    return console, log.read_text(errors="replace"), result.stdout


@pytest.fixture
def report(tmp_path):
    results = build_results(("python", "java"))
    results["skipped"] = [HOSTILE]
    return write_report(build_workspace(tmp_path / "run", ("python", "java"), results=results, hostile=HOSTILE))


def test_hostile_page_neither_runs_nor_fetches(report, tmp_path):
    console, log, dom = browse(report, tmp_path, "--dump-dom")
    assert console == []
    assert HOST not in log
    assert "<script" not in dom
    assert "console.error('ran')" in dom  # shown as text


def test_the_same_text_unescaped_would_be_noticed(tmp_path):
    page = tmp_path / "bad.html"
    page.write_text(f"<!DOCTYPE html><title>x</title>{HOSTILE}")
    console, log, _ = browse(page, tmp_path, "--dump-dom")
    assert any("ran" in line for line in console)
    assert HOST in log


@pytest.mark.parametrize(("name", "size"), [("desk", "1280,2400"), ("phone", "500,2400")])
def test_screenshots(report, tmp_path, name, size):
    picture = tmp_path / f"{name}.png"
    console, log, _ = browse(report, tmp_path, f"--window-size={size}", f"--screenshot={picture}")
    assert console == []
    assert HOST not in log
    assert picture.stat().st_size > 50_000  # text and charts; an unstyled or blank page is smaller


def test_page_does_not_scroll_sideways_on_a_phone(report, tmp_path):
    frame = tmp_path / "frame.html"
    text = report.read_text()
    text = text[: text.index("<meta http-equiv")] + text[text.index('<meta name="viewport"') :]
    measure = "document.title = JSON.stringify([document.documentElement.scrollWidth, innerWidth])"
    frame.write_text(text.replace("</body>", f"<script>{measure}</script></body>"))
    _, _, dom = browse(frame, tmp_path, "--window-size=500,900", "--dump-dom")
    width, window = json.loads(dom[dom.index("<title>") + 7 : dom.index("</title>")])
    assert width <= window


def test_tables_keep_their_columns_on_a_phone(tmp_path):
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    results = build_results()
    leaf = {"both": 60, "lost": 30, "won": 5, "neither": 69, "difference": -0.15, "low": -0.22, "high": -0.09, "p": 0.2}
    results["kept"] = {"humaneval-x": {**dict.fromkeys(LANGUAGES, leaf), "mean": leaf}}
    page_file = write_report(build_workspace(tmp_path / "run", results=results))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme=scheme)
            page.goto(page_file.as_uri())
            for summary in page.locator("summary").all():
                summary.click()
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
            overflows = "all => all.map((each) => each.scrollWidth - each.clientWidth)"
            assert set(page.locator(".scroll").evaluate_all(overflows)) == {0}  # four languages fit in the cross table
            cell = page.locator("td[data-column='humaneval-x: pass@1, points']").last
            assert cell.evaluate("each => getComputedStyle(each, '::before').content") == (
                '"humaneval-x: pass@1, points"'
            )
            found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa"]}).response["violations"]
            assert [(each["id"], [node["target"] for node in each["nodes"]]) for each in found] == []
            if SHOTS:
                page.screenshot(path=f"{SHOTS}/report-phone-{scheme}.png", full_page=True)
        browser.close()
