"""The site of the documentation is built without a warning, and every page of docs/ is on it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_site_is_built_without_warnings_and_its_links_lead_somewhere(tmp_path):
    pytest.importorskip("mkdocs", reason="the site needs the extra docs")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        timeout=800,
    )
    assert done.returncode == 0, done.stderr
    pages = {path.relative_to(tmp_path).with_suffix(".md").as_posix() for path in tmp_path.rglob("*.html")}
    missing = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")} - pages
    assert missing == set()
    assert {"index.md", "CONTRIBUTING.md", "benchmarks/speed_h100_202611.md"} <= pages
    for page in tmp_path.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert 'src="http' not in text
        for link in re.findall(r'href="([^"#?]+)', text):
            assert "://" in link or link.startswith(("/", "data:")) or (page.parent / link).exists(), f"{page}: {link}"
