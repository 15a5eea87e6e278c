"""Compares moesaic with mergekit-moe and MixtureKit at composing four 0.5 B models, with the same inputs in one run.

    python benchmarks/interchange.py --work /tmp/interchange --repeats 3 [--mergekit PY] [--mixturekit PY]

The script makes four random bfloat16 Llamas (hidden 1280, 20 layers) and four random LoRA adapters on the first of
them. It then runs every system as a process of its own, in turns, with a cold page cache if that is allowed (root on
Linux):

    mergekit-moe            gate_mode random; default shards, and tuned to 250 MB shards
    MixtureKit              moe_method traditional, streaming
    moesaic full            import --format mixtral: the same four models
    moesaic adapters        export --format mixtral: base and four adapters
    moesaic native          import of the four adapters: a model folder, no export
    moesaic native, call    the same as a call in a process that has already imported its modules, as in a pipeline

    (imports)               Python that imports torch and transformers' configuration classes, and nothing else

The following is measured: the wall time of the whole process, including imports, and until its output is on the disk
(the peers leave that to the system; moesaic waits for it before the folder gets its name); the greatest private memory
(RssAnon, sampled every 10 ms); and the bytes read from the disk, including libraries. Then "moesaic full" is made once
more with mergekit's gates and compared with mergekit's output, tensor by tensor. Finally, an export is killed (SIGKILL)
when its second shard is finished; the script tries to load the result, and resumes the export. The report is written to
stdout as Markdown. The script needs 25 GB of disk. Without --mergekit and --mixturekit, pip makes the environments of
the peers below --work (the same torch as here, then mergekit==0.1.5 or MixtureKit==1.1.1).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers
from places import folder_to_write
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedTokenizerFast

from moesaic.checkpoint.streaming import TensorReader
from moesaic.files import file_digest
from moesaic.model.lora import LoraExpert, LowRank, write_adapter

NAMES = ("python", "java", "javascript", "cpp")
HIDDEN, FORWARD, LAYERS, VOCABULARY, HEADS = 1280, 3904, 20, 32000, 20
IMPORTS = "(imports)"
PEERS = {"mergekit": "mergekit==0.1.5", "mixturekit": "MixtureKit==1.1.1"}


@dataclass
class Measurement:
    seconds: float
    settled_seconds: float
    private_bytes: int
    read_bytes: int
    load: float


def make_inputs(work: Path) -> None:
    if (work / "inputs-done").exists():
        return
    for seed, name in enumerate(NAMES):
        make_model(work / "models" / name, seed)
        generator = torch.Generator().manual_seed(100 + seed)
        deltas = {}
        for layer in range(LAYERS):
            for projection in ("gate_proj", "up_proj", "down_proj"):
                inputs, outputs = (FORWARD, HIDDEN) if projection == "down_proj" else (HIDDEN, FORWARD)
                A_RI = torch.randn(16, inputs, generator=generator) * 0.02
                B_OR = torch.randn(outputs, 16, generator=generator) * 0.02
                deltas[f"model.layers.{layer}.mlp.{projection}"] = LowRank(A_RI, B_OR)
        write_adapter(LoraExpert(name, 16, 2.0, deltas), work / "adapters" / name)
    (work / "inputs-done").touch()


def make_model(folder: Path, seed: int) -> None:
    folder.mkdir(parents=True)
    generator = torch.Generator().manual_seed(seed)

    def weight(*shape: int) -> torch.Tensor:
        return (torch.randn(shape, generator=generator) * 0.02).bfloat16()

    tensors = {"model.embed_tokens.weight": weight(VOCABULARY, HIDDEN), "lm_head.weight": weight(VOCABULARY, HIDDEN)}
    tensors["model.norm.weight"] = torch.ones(HIDDEN, dtype=torch.bfloat16)
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}"
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            tensors[f"{prefix}.self_attn.{name}.weight"] = weight(HIDDEN, HIDDEN)
        tensors[f"{prefix}.mlp.gate_proj.weight"] = weight(FORWARD, HIDDEN)
        tensors[f"{prefix}.mlp.up_proj.weight"] = weight(FORWARD, HIDDEN)
        tensors[f"{prefix}.mlp.down_proj.weight"] = weight(HIDDEN, FORWARD)
        for name in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"{prefix}.{name}.weight"] = torch.ones(HIDDEN, dtype=torch.bfloat16)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=HIDDEN,
        intermediate_size=FORWARD,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        dtype="bfloat16",
        architectures=["LlamaForCausalLM"],
    )
    config.save_pretrained(folder)
    alphabet = {character: index for index, character in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(alphabet, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="!").save_pretrained(folder)


def peer_python(work: Path, name: str, given: str | None) -> str:
    """Returns the Python interpreter of an environment with the peer and the same torch as here."""
    if given:
        return given
    python = work / "venvs" / name / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(python.parent.parent)], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", f"torch=={torch.__version__}", PEERS[name]], check=True)
    return str(python)


def commands(work: Path, mergekit: str, mixturekit: str) -> dict[str, list[str]]:
    experts = "".join(f"  - source_model: {work / 'models' / name}\n    positive_prompts: ['']\n" for name in NAMES)
    base = work / "models" / "python"
    config = f"base_model: {base}\ngate_mode: random\ndtype: bfloat16\nexperts_per_token: 2\nexperts:\n{experts}"
    (work / "mergekit.yaml").write_text(config)
    build = {
        "moe_method": "traditional",
        "model_type": "mixturekit",
        "num_experts_per_tok": 2,
        "experts": [{"expert_name": name, "model_id": str(work / "models" / name)} for name in NAMES],
    }
    program = f"from MixtureKit import build_moe; build_moe({build!r}, output_dir={str(work / 'out')!r})"
    moe = [str(Path(mergekit).parent / "mergekit-moe"), str(work / "mergekit.yaml"), str(work / "out")]
    moe += ["--i-understand-this-is-not-useful-without-training"]
    ours = [sys.executable, "-m", "moesaic"]
    adapters = [f"--expert={name}={work / 'adapters' / name}" for name in NAMES]
    full = [f"--expert={name}={work / 'models' / name}" for name in NAMES]
    call = f"""
import os, shutil, time
from pathlib import Path
from moesaic.checkpoint.exchange.importing import import_adapters
work = Path({str(work)!r})
adapters = {{name: work / "adapters" / name for name in {NAMES}}}
import_adapters(str(work / "models/python"), adapters, work / "out")  # imports what is needed
shutil.rmtree(work / "out")
os.sync()
try:
    Path("/proc/sys/vm/drop_caches").write_text("3")
except OSError:
    pass
started = time.monotonic()
import_adapters(str(work / "models/python"), adapters, work / "out")
print("SECONDS", time.monotonic() - started)
"""
    return {
        "mergekit-moe 0.1.5": moe,
        "mergekit-moe 0.1.5, 250 MB shards": [*moe, "--out-shard-size", "250M"],
        "MixtureKit 1.1.1": [mixturekit, "-c", program],
        "moesaic full": [*ours, "import", str(work / "out"), "--base", str(base), "--format", "mixtral", *full],
        "moesaic adapters": [*ours, "export", str(work / "native"), str(work / "out")],
        "moesaic native": [*ours, "import", str(work / "out"), "--base", str(base), *adapters],
        "moesaic native, call": [sys.executable, "-c", call],
        IMPORTS: [sys.executable, "-c", "import torch, transformers; transformers.AutoConfig"],
    }


@contextlib.contextmanager
def watched(process: subprocess.Popen[bytes], found: dict[str, int]) -> Iterator[None]:
    """Records the greatest private memory and the bytes read of a process while it runs."""
    stop = threading.Event()
    proc = Path("/proc") / str(process.pid)

    def poll() -> None:
        while not stop.is_set():
            with contextlib.suppress(OSError, ValueError, IndexError):
                status = (proc / "status").read_text()
                private = int(status.split("RssAnon:")[1].split()[0]) * 1024
                found["private"] = max(found.get("private", 0), private)
                found["read"] = int((proc / "io").read_text().split("\nread_bytes: ")[1].split()[0])
            stop.wait(0.01)

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def drop_cache() -> bool:
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3")
    except OSError:
        return False
    return True


def run(command: list[str], work: Path) -> Measurement:
    shutil.rmtree(work / "out", ignore_errors=True)
    drop_cache()
    load = os.getloadavg()[0]
    found: dict[str, int] = {}
    environment = {**os.environ, "MOESAIC_CACHE": str(work / "cache"), "HF_HUB_OFFLINE": "1"}
    started = time.monotonic()
    with (work / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=work, env=environment)
        with watched(process, found):
            status = process.wait()
    seconds = time.monotonic() - started
    os.sync()
    settled = time.monotonic() - started
    if status:
        raise SystemExit(f"{command[:3]} failed:\n{(work / 'log').read_text()[-2000:]}")
    for line in (work / "log").read_text(errors="replace").splitlines():
        if line.startswith("SECONDS"):
            seconds = float(line.split()[1])
    return Measurement(seconds, settled, found.get("private", 0), found.get("read", 0), load)


def compare_with_mergekit(work: Path, all_commands: dict[str, list[str]]) -> str:
    """Runs mergekit, imports the same models with its gates, and compares every tensor."""
    run(all_commands["mergekit-moe 0.1.5"], work)
    shutil.rmtree(work / "mergekit-out", ignore_errors=True)
    (work / "out").rename(work / "mergekit-out")
    run([*all_commands["moesaic full"], "--gates", str(work / "mergekit-out")], work)
    # mergekit writes the fused names that transformers 5 has in memory: [E, 2F, D] and [E, D, F].
    equal = different = 0
    with TensorReader(work / "out") as ours, TensorReader(work / "mergekit-out") as theirs:
        for name in theirs.names:
            block, _, last = name.partition(".mlp.")
            experts = [f"{block}.block_sparse_moe.experts.{expert}" for expert in range(len(NAMES))]
            if last == "experts.gate_up_proj":
                pairs = [[ours.read(f"{each}.{part}.weight") for part in ("w1", "w3")] for each in experts]
                found = torch.stack([torch.cat(pair) for pair in pairs])
            elif last == "experts.down_proj":
                found = torch.stack([ours.read(f"{each}.w2.weight") for each in experts])
            else:
                found = ours.read(f"{block}.block_sparse_moe.gate.weight" if last == "gate.weight" else name)
            same = torch.equal(found, theirs.read(name))
            equal, different = equal + same, different + (not same)
    shutil.rmtree(work / "mergekit-out")
    if different:
        raise SystemExit(f"{different} tensors of 'moesaic full' differ from mergekit's")
    return f"Tensors of `moesaic full` and mergekit-moe, same gates: {equal} equal bit for bit, {different} different."


def kill_and_resume(work: Path, export: list[str]) -> str:
    """Kills an export when its second shard is finished, tries to load the result, and resumes the export."""
    run(export, work)
    whole = {file.name: file_digest(file) for file in (work / "out").glob("model-*.safetensors")}
    shutil.rmtree(work / "out")
    drop_cache()
    partial = work / ".out.partial"
    environment = {**os.environ, "MOESAIC_CACHE": str(work / "cache"), "HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen(export, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=work, env=environment)
    while len(list(partial.glob("model-*.safetensors"))) < 2 and process.poll() is None:
        time.sleep(0.005)
    process.kill()
    if process.wait() != -signal.SIGKILL:
        raise SystemExit("the export ended before it could be killed")
    finished = {file.name: file.stat().st_mtime_ns for file in partial.glob("model-*.safetensors")}
    begun = len(list(partial.glob(".model-*.partial")))
    refused = []
    for path in (work / "out", partial):
        try:
            AutoModelForCausalLM.from_pretrained(path, local_files_only=True)
        except (OSError, ValueError) as error:
            refused.append(f"`{path.name}/`: {type(error).__name__}")
        else:
            raise SystemExit(f"{path} loads although its export was killed")
    drop_cache()
    started = time.monotonic()
    subprocess.run(export, cwd=work, env=environment, check=True, capture_output=True)
    seconds = time.monotonic() - started
    kept = sum((work / "out" / name).stat().st_mtime_ns == changed for name, changed in finished.items())
    if {file.name: file_digest(file) for file in (work / "out").glob("model-*.safetensors")} != whole:
        raise SystemExit("the resumed export differs from one that was not killed")
    return (
        f"`moesaic export`, killed (SIGKILL) with {len(finished)} of {len(whole)} shards finished and {begun} begun. "
        f"Loading what was there with transformers: {', '.join(refused)}. The same command again: {seconds:.1f} s, "
        f"{kept} finished shards kept, all {len(whole)} shards byte for byte those of an export that was not killed."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=folder_to_write, required=True)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--mergekit", help="python of an environment with mergekit 0.1.5")
    parser.add_argument("--mixturekit", help="python of an environment with MixtureKit 1.1.1")
    options = parser.parse_args()
    work = options.work.absolute()
    work.mkdir(parents=True, exist_ok=True)
    make_inputs(work)
    mergekit = peer_python(work, "mergekit", options.mergekit)
    mixturekit = peer_python(work, "mixturekit", options.mixturekit)
    todo = commands(work, mergekit, mixturekit)
    # The first composition also computes the base's digest, which is then cached; it is reported separately.
    shutil.rmtree(work / "native", ignore_errors=True)
    first = run(todo["moesaic native"], work)
    (work / "out").rename(work / "native")
    results: dict[str, list[Measurement]] = {name: [] for name in todo}
    for repeat in range(options.repeats):
        for name, command in todo.items():
            results[name].append(run(command, work))
            print(repeat, name, results[name][-1], file=sys.stderr)
    equality = compare_with_mergekit(work, todo)
    killed = kill_and_resume(work, [*todo["moesaic adapters"], "--shard-size", "500"])
    shutil.rmtree(work / "out", ignore_errors=True)

    median = {name: statistics.median(m.seconds for m in rows) for name, rows in results.items()}
    fastest = min(seconds for name, seconds in median.items() if not name.startswith(("moesaic", IMPORTS)))
    print(f"{processor()}, {os.cpu_count()} cores, page cache dropped before each run: {drop_cache()}, ", end="")
    print(
        f"n = {options.repeats} each, in turns; torch {torch.__version__}, transformers {transformers.__version__}, ",
        end="",
    )
    print(f"Python {platform.python_version()}; {time.strftime('%Y-%m-%d')}\n")
    print("| system | seconds: median (min-max) | of the fastest peer | on the disk | private, MB | read, GB | load |")
    print("|---|---|---|---|---|---|---|")
    for name, rows in {**results, "moesaic native, digest unknown": [first]}.items():
        seconds = [m.seconds for m in rows]
        middle = statistics.median(seconds)
        print(
            f"| {name} | {middle:.2f} ({min(seconds):.2f}-{max(seconds):.2f}) | {middle / fastest:.3f} | "
            f"{statistics.median(m.settled_seconds for m in rows):.2f} | "
            f"{max(m.private_bytes for m in rows) / 1e6:,.0f} | "
            f"{statistics.median(m.read_bytes for m in rows) / 1e9:.2f} | "
            f"{statistics.median(m.load for m in rows):.1f} |"
        )
    print(f"\n{equality}\n\n{killed}")
    print("\n```json\n" + json.dumps({n: [vars(m) for m in rows] for n, rows in results.items()}) + "\n```")


if __name__ == "__main__":
    main()
