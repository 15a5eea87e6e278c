"""The page in a real browser: it draws, says nothing on the console and asks nothing of the network."""

import json
import shutil
import subprocess

import pytest
from synthetic_workspace import build_results, build_workspace

from moesaic.report import write_report

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
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
        timeout=120,
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
