"""Compares five ways to serve the same experts on one GPU under the same load.

    plugin     ``vllm serve`` on ``export --format vllm``: the base once, the factors and the gates
    mixtral    ``vllm serve`` on the Mixtral export: the complete weights of every expert
    lora       ``vllm serve`` on the base with the adapters by multi-LoRA: no gates, each request names an expert
    front      ``moesaic serve --engine vllm``: the plug-in behind moesaic's own server
    moesaic    ``moesaic serve``: the built-in engine

    python benchmarks/serve_vllm.py MODEL [--systems plugin mixtral lora front moesaic] [--clients 1 8 32 128]
    python benchmarks/serve_vllm.py --shape coder|mistral [--together] [--placeholders] [--out FILE.md]

MODEL is a model folder. With ``--shape``, one with random weights is made, since speed does not depend on them. The
script runs on a machine on which vLLM and moesaic are installed (extra ``vllm``). Every client sends one request after
the other, as a stream, until all are answered. Prompts are random tokens, so that a prefix cache finds nothing.
Requests are sent only to servers on 127.0.0.1.

Each system is a process of its own and is warmed up first. Starting vLLM takes most of the time. ``--together``
therefore starts all systems at once on the one GPU, waits until the last is ready, and then measures them one after the
other while the rest are idle. ``front`` is then left out, because its vLLM takes the whole GPU. With
``--placeholders``, vLLM fills in the weights itself instead of reading them (``--load-format dummy``): a Mixtral of
Mistral-7B's shape has 47 GB. The table in ``--out`` is written after every row. If a system does not start, the table
says so, and the exit code is 1.

To check the script on a CPU, use ``--shape pico --dtype float32 --eager --clients 2 --prompt 16 --tokens 8 --slots 4``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime
import importlib.metadata
import importlib.util
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from places import file_to_write, folder_to_write

SYSTEMS = ("plugin", "mixtral", "lora", "front", "moesaic")
NAME = "load"
RANK, EXPERTS, TOP_K = 16, ("python", "java", "javascript", "cpp"), 2
CACHE_BYTES = 4 << 30
"""Memory for the keys and values of each server if the servers start together."""


@dataclass
class Load:
    """The measurements of a number of clients; times are in seconds.

    Attributes:
        first: Times from a request to its first token.
        between: Times from a piece of an answer to the next. A piece is one token, or several that came together.
        texts: Number of the request -> its answer.
    """

    clients: int
    tokens: int = 0
    seconds: float = 0.0
    lost: int = 0
    first: list[float] = field(default_factory=list)
    between: list[float] = field(default_factory=list)
    texts: dict[int, str] = field(default_factory=dict)


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def make_model(shape: str, folder: Path) -> Path:
    """Saves a base of random weights and a model folder with random experts and gates on it."""
    import torch
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    from moesaic.checkpoint.native import save_model_folder
    from moesaic.model.base_files import resolve_base
    from moesaic.model.lora import LoraExpert, LowRank
    from moesaic.recipe import MLP_TARGETS

    configs = {
        "coder": transformers.Qwen2Config(
            hidden_size=896, intermediate_size=4864, num_hidden_layers=24, num_attention_heads=14,
            num_key_value_heads=2, vocab_size=151936, max_position_embeddings=32768, tie_word_embeddings=True,
        ),
        "mistral": transformers.MistralConfig(sliding_window=None),  # the defaults are Mistral-7B's
        "pico": transformers.LlamaConfig(
            hidden_size=128, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
            vocab_size=512, max_position_embeddings=1024, tie_word_embeddings=True,
        ),
    }  # fmt: skip
    config = configs[shape]
    torch.manual_seed(0)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        dtype = torch.bfloat16 if torch.cuda.is_available() else torch.float32
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=dtype)
    model.save_pretrained(folder / "base")
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    names = [*alphabet, *(f"token{number}" for number in range(config.vocab_size - len(alphabet)))]
    tokenizer = Tokenizer(models.BPE(vocab={name: number for number, name in enumerate(names)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=names[-1]).save_pretrained(
        folder / "base"
    )
    linear = {path: module for path, module in model.named_modules() if path.endswith(MLP_TARGETS)}

    def deltas() -> dict[str, LowRank]:
        return {
            path: LowRank(
                torch.randn(RANK, module.in_features) / module.in_features**0.5,
                torch.randn(module.out_features, RANK) * 0.02,
            )
            for path, module in linear.items()
        }

    save_model_folder(
        folder / "model",
        base_spec={"model": str(folder / "base"), "dtype": "auto", "quantize": "none"},
        base_digest=resolve_base(str(folder / "base")).digest,
        experts=[LoraExpert(name, RANK, 1.0, deltas()) for name in EXPERTS],
        router_tensors={
            f"layers.{layer}.weight": torch.randn(len(EXPERTS), config.hidden_size)
            for layer in range(config.num_hidden_layers)
        },
        kind="top_k",
        top_k=TOP_K,
    )
    return folder / "model"


def command(system: str, model: Path, made: Path, options: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Returns the command line of a system, without the port, and the names of models that requests ask for."""
    from moesaic.checkpoint.bases import find_base
    from moesaic.checkpoint.exchange.adapters import export_peft
    from moesaic.checkpoint.exchange.mixtral import export_mixtral
    from moesaic.checkpoint.exchange.vllm import export_vllm
    from moesaic.checkpoint.native import read_model_folder

    if system in ("front", "moesaic"):
        engine = ["--engine", "vllm"] if system == "front" else []
        limits = ["--slots", str(options.slots), "--context", str(options.context), "--queue", "4096"]
        dtype = ["--dtype", options.dtype]
        return [sys.executable, "-m", "moesaic", "serve", str(model), "--name", NAME, *engine, *limits, *dtype], [NAME]
    folder = made / system
    names, further = [NAME], []
    if system == "plugin":
        export_vllm(model, folder)
    elif system == "mixtral" and options.placeholders:
        describe_mixtral(model, folder)
    elif system == "mixtral":
        export_mixtral(model, folder)
    else:
        export_peft(model, folder)
        names = [expert.name for expert in read_model_folder(model).adapters]
        modules = [f"{name}={folder / name}" for name in names]
        rank = next(size for size in (8, 16, 32, 64, 128, 256) if size >= RANK)
        further = ["--enable-lora", "--max-loras", str(len(names)), "--max-lora-rank", str(rank)]
        further += ["--lora-modules", *modules]
        folder = find_base(read_model_folder(model)).path
    line = ["vllm.entrypoints.openai.api_server", "--model", str(folder), "--served-model-name", NAME]
    line += ["--dtype", options.dtype, "--max-num-seqs", str(options.slots), "--max-model-len", str(options.context)]
    if options.together:
        line += ["--gpu-memory-utilization", "0.04", "--kv-cache-memory-bytes", str(CACHE_BYTES)]
    if options.placeholders:
        line += ["--load-format", "dummy"]
    if options.eager:
        line += ["--enforce-eager"]
    return [sys.executable, "-m", *line, *further], names


def describe_mixtral(model: Path, folder: Path) -> None:
    """Writes the files that vLLM needs of a Mixtral export whose weights it does not read."""
    from moesaic.checkpoint.bases import find_base
    from moesaic.checkpoint.formats import moe_config, read_config
    from moesaic.checkpoint.native import read_model_folder

    described = read_model_folder(model)
    base = find_base(described).path
    folder.mkdir()
    config = moe_config(read_config(base), len(described.experts), described.top_k, "bfloat16")
    (folder / "config.json").write_text(json.dumps(config))
    for file in base.glob("tokenizer*"):
        shutil.copy(file, folder)


class NotStartedError(Exception):
    """Raised if a server ended, or took too long, before it answered."""


class Server:
    """A server on a free port, in a process group of its own.

    Args:
        line: Command of the server, without the port.
        log: File for its output.
    """

    def __init__(self, line: list[str], log: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = log
        with log.open("w") as out:
            self._process = subprocess.Popen(
                [*line, "--host", "127.0.0.1", "--port", str(self.port)], stdout=out, stderr=out,
                start_new_session=True,
                env={**os.environ, "VLLM_NO_USAGE_STATS": "1", "VLLM_LOGGING_LEVEL": "INFO"},
            )  # fmt: skip

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *exception: object) -> None:
        self.end()

    def terminate(self) -> None:
        """Asks the server to end."""
        self._process.terminate()

    def end(self) -> None:
        """Ends the server, and after 20 seconds all processes that are left of its group."""
        self.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(20)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answers(self, until: float) -> bool:
        """Returns whether the server answers requests.

        Raises:
            NotStartedError: The server has ended, or does not answer at ``until`` (of ``time.monotonic``).
        """
        if b'"data"' in get(self.port, "/v1/models"):
            return True
        if self._process.poll() is not None:
            raise NotStartedError(f"it ended with {self._process.returncode}; {self._last_words()}")
        if time.monotonic() > until:
            raise NotStartedError(f"it took too long; {self._last_words()}")
        return False

    def _last_words(self) -> str:
        return f"its last words:\n{self.log.read_text()[-3000:]}"


def get(port: int, path: str) -> bytes:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return b""
    finally:
        connection.close()


async def ask(session: Any, url: str, model: str, prompt: list[int], tokens: int, load: Load, number: int) -> None:
    body = {"model": model, "prompt": prompt, "max_tokens": tokens, "temperature": 0, "stream": True}
    body |= {"stream_options": {"include_usage": True}}
    started, last, text, counted = time.monotonic(), 0.0, "", 0
    async with session.post(f"{url}/v1/completions", json=body) as answer:
        if answer.status != 200:
            raise RuntimeError(f"status {answer.status}: {(await answer.text())[:300]}")
        async for line in answer.content:
            if not line.startswith(b"data: {"):
                continue
            chunk = json.loads(line[6:])
            if chunk.get("usage"):
                counted = chunk["usage"]["completion_tokens"]
            if not chunk["choices"] or "moesaic" in chunk:  # only the counts, or moesaic's chunk before the first token
                continue
            now, choice = time.monotonic(), chunk["choices"][0]
            if choice["finish_reason"] and not choice["text"]:  # an end without a token
                continue
            (load.between if last else load.first).append(now - (last or started))
            last = now
            text += choice["text"]
    load.tokens += counted
    load.texts[number] = text.rstrip("\N{REPLACEMENT CHARACTER}")  # bytes of a character that was cut


async def run(url: str, names: list[str], clients: int, prompts: list[list[int]], tokens: int) -> Load:
    import aiohttp

    load, todo = Load(clients), list(enumerate(prompts))[::-1]
    timeout = aiohttp.ClientTimeout(total=None, sock_read=600)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:

        async def one() -> None:
            while todo:
                number, prompt = todo.pop()
                try:
                    await ask(session, url, names[number % len(names)], prompt, tokens, load, number)
                except (aiohttp.ClientError, RuntimeError, TimeoutError) as error:
                    load.lost += 1
                    print(f"lost: {error}", file=sys.stderr)

        started = time.monotonic()
        await asyncio.gather(*(one() for _ in range(clients)))
        load.seconds = time.monotonic() - started
    return load


@dataclass
class Results:
    """The table so far.

    Attributes:
        rows: Lines of the table.
        weights: System -> GiB that the weights take according to vLLM.
        starts: System -> seconds until it answered.
        failed: Systems that did not start.
        first: Number of clients -> answers of the first system.
    """

    rows: list[str] = field(default_factory=list)
    weights: dict[str, str] = field(default_factory=dict)
    starts: dict[str, float] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    first: dict[int, Load] = field(default_factory=dict)

    def add(self, system: str, load: Load) -> None:
        """Adds the measurements of a number of clients with a system."""
        like = None if system == "lora" else self.first.setdefault(load.clients, load)  # one expert, not all, answers
        same = "" if like is None else str(sum(like.texts.get(n) == text for n, text in load.texts.items()))
        spans = (quantile(times, share) for times in (load.first, load.between) for share in (0.5, 0.99))
        times = " | ".join(f"{1000 * span:,.1f}" for span in spans)
        rate = load.tokens / load.seconds
        row = f"| {system} | {load.clients} | {len(load.texts)} | {rate:,.0f} | {times} | {load.lost} | {same} |"
        self.rows.append(row)
        print(row, file=sys.stderr, flush=True)

    def text(self, options: argparse.Namespace) -> str:
        """Returns the table, with a description of the measurement and the machine."""
        import torch

        device = torch.cuda.get_device_name() if torch.cuda.is_available() else "a processor"
        (package,) = set(importlib.metadata.packages_distributions().get("vllm", ["vllm"]))
        version = importlib.metadata.version(package)
        starts = ", ".join(f"{system} {seconds:.0f} s" for system, seconds in self.starts.items())
        lines = [
            f"{datetime.date.today()}, {device}, torch {torch.__version__}, vLLM {version}, {options.dtype};",
            f"{options.shape or options.model.name}, prompts of {options.prompt} tokens, answers of {options.tokens},",
            f"{options.slots} slots; load of the machine {os.getloadavg()[0]:.1f}",
            f"until the server answered: {starts}" + (", all at once" if options.together else ""),
        ]
        if self.weights:
            lines += ["weights: " + ", ".join(f"{system} {size}" for system, size in self.weights.items())]
        if options.placeholders:
            lines += ["vLLM's weights are placeholders (`--load-format dummy`)"]
        lines += [f"{system} did not start" for system in self.failed]
        times = "first token, ms: p50 | p99 | between, ms: p50 | p99"
        lines += [f"\n| system | clients | answers | tokens/s | {times} | lost | same |", "|---" * 10 + "|", *self.rows]
        lines += ["\n`same`: answers equal to the first system's; in bfloat16 near ties are decided by rounding."]
        return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("--shape", choices=("coder", "mistral", "pico"))
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32, 128])
    parser.add_argument("--requests", type=int, default=4, help="requests a client")
    parser.add_argument("--prompt", type=int, default=256, help="tokens of a prompt")
    parser.add_argument("--tokens", type=int, default=128, help="tokens of an answer")
    parser.add_argument("--slots", type=int, default=128)
    parser.add_argument("--dtype", choices=("bfloat16", "float32"), default="bfloat16")
    parser.add_argument("--eager", action="store_true", help="no graphs: for a processor")
    parser.add_argument("--together", action="store_true", help="start all systems at once")
    parser.add_argument("--placeholders", action="store_true", help="vLLM fills its weights in itself")
    parser.add_argument("--start-seconds", type=float, default=900, help="longest start")
    parser.add_argument("--logs", type=folder_to_write, help="folder for the servers' logs")
    parser.add_argument("--out", type=file_to_write, help="file that gets the table after every row")
    options = parser.parse_args()
    if (options.model is None) == (options.shape is None):
        parser.error("give either MODEL or --shape")
    if options.model is not None and not options.model.is_dir():
        parser.error(f"{options.model} is not a model folder: it does not exist")
    if importlib.util.find_spec("vllm") is None:
        parser.error("this compares with vllm, which is not installed")
    if options.systems is None:
        options.systems = [system for system in SYSTEMS if not (options.together and system == "front")]
    if options.together and "front" in options.systems:
        parser.error("--together: front takes the whole GPU; leave it out of --systems")
    options.context = options.prompt + options.tokens
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends the servers, too
    results = Results()
    with tempfile.TemporaryDirectory() as temporary:
        made = Path(temporary)
        model = options.model or make_model(options.shape, made)
        (options.logs or made).mkdir(parents=True, exist_ok=True)
        groups = [options.systems] if options.together else [[system] for system in options.systems]
        for group in groups:
            with contextlib.ExitStack() as running:
                measure(group, model, made, options, results, running)
    print(results.text(options))
    sys.exit(bool(results.failed))


def measure(
    group: list[str],
    model: Path,
    made: Path,
    options: argparse.Namespace,
    results: Results,
    running: contextlib.ExitStack,
) -> None:
    """Starts systems, waits for all of them, and asks one after the other."""
    servers: dict[str, tuple[Server, list[str]]] = {}
    started: dict[str, float] = {}
    for system in group:
        line, names = command(system, model, made, options)
        started[system] = time.monotonic()
        log = (options.logs or made) / f"{system}.log"
        servers[system] = running.enter_context(Server(line, log)), names
    starting = list(group)
    while starting:
        for system in tuple(starting):
            try:
                if not servers[system][0].answers(started[system] + options.start_seconds):
                    continue
                results.starts[system] = time.monotonic() - started[system]
                print(f"{system} answers after {results.starts[system]:.0f} s", file=sys.stderr, flush=True)
            except NotStartedError as error:
                print(f"{system} did not start: {error}", file=sys.stderr, flush=True)
                results.failed.append(system)
                servers.pop(system)[0].end()
            starting.remove(system)
        time.sleep(0.5)
    running.callback(lambda: [server.terminate() for server, _ in servers.values()])  # all at the same time
    for system, (server, names) in servers.items():
        if found := re.search(r"Model loading took ([\d.]+ GiB)", server.log.read_text()):
            results.weights[system] = found[1]
        draw = random.Random(0)
        for clients in options.clients:  # warms up graphs, caches and compilers for every batch size
            asyncio.run(run(server.url, names, clients, prompts(draw, clients, options), options.tokens))
        for clients in options.clients:
            asked = prompts(draw, clients * options.requests, options)
            results.add(system, asyncio.run(run(server.url, names, clients, asked, options.tokens)))
            if options.out is not None:
                options.out.write_text(results.text(options))


def prompts(draw: random.Random, number: int, options: argparse.Namespace) -> list[list[int]]:
    return [[draw.randrange(256) for _ in range(options.prompt)] for _ in range(number)]


if __name__ == "__main__":
    main()
