"""The versions of a release agree with what the package declares, and the script that writes them finds all of them."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def load():
    spec = importlib.util.spec_from_file_location("constraints", ROOT / "scripts" / "constraints.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_committed_versions_are_allowed():
    script = load()
    assert script.problems(script.FILE.read_text()) == []


def test_what_is_not_allowed_or_missing_is_named():
    script = load()
    text = script.FILE.read_text()
    versions = dict(line.split("==") for line in text.splitlines() if "==" in line)
    wrong = text.replace(f"numpy=={versions['numpy']}\n", "numpy==0.1\n").replace(f"jinja2=={versions['jinja2']}\n", "")
    assert script.problems(wrong) == ["numpy==0.1 is outside of >=1.26", "jinja2 is missing"]


def test_everything_that_a_dependency_brings_along_is_listed():
    found = load().installed_versions()
    assert {"torch", "tokenizers", "huggingface-hub", "pydantic-core"} <= found.keys()
    assert "pytest" not in found
    assert "+" not in "".join(found.values())


def test_a_package_that_a_bill_of_materials_lacks_is_named(tmp_path, monkeypatch):
    script = load()
    versions = script.installed_versions()
    parts = [{"name": name.replace("-", "_"), "version": version} for name, version in versions.items()]
    assert script.lacking({"components": parts}, versions) == []

    parts = [part for part in parts if part["name"] != "torch"] + [{"name": "Torch", "version": "0.1"}]
    bill = tmp_path / "sbom.cdx.json"
    bill.write_text(json.dumps({"components": parts}))
    monkeypatch.setattr(sys, "argv", ["constraints.py", "--bill", str(bill)])
    with pytest.raises(SystemExit, match=rf"sbom\.cdx\.json lacks torch=={versions['torch']}$"):
        script.main()
