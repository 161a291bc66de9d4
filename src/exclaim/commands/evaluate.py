"""``exclaim evaluate MODEL (--corpus NAME --data DIR | --manifest CSV | --stream RECORDING)``: a model's quality."""

import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress

import exclaim
from exclaim.commands.evaluate_stream import evaluate_streams
from exclaim.commands.evaluation_tables import print_evaluation
from exclaim.corpora.data_root import data_root
from exclaim.corpora.manifest import Manifest
from exclaim.corpora.manifest_files import read_manifest
from exclaim.corpora.pointers import require_no_pointers
from exclaim.corpora.registry import load_corpus
from exclaim.errors import ConfigError, CorpusError
from exclaim.evaluate.answers import write_answers
from exclaim.evaluate.evaluate import Heard, hear, judge_heard
from exclaim.evaluate.judge import Evaluation
from exclaim.evaluate.labelling import Labelled, label_clips
from exclaim.evaluate.noise.bank import noise_bank
from exclaim.evaluate.noise.evaluate import hear_under_noise
from exclaim.evaluate.noise.recordings import Noise, is_noise_corpus, noise_in_corpus, noise_in_folder
from exclaim.evaluate.noise.table import NoiseTable
from exclaim.evaluate.records import evaluation_records
from exclaim.evaluate.results import check_writable, keep_records, source_tree
from exclaim.evaluate.speakers import SPLIT_FILE, other_recordings, read_speakers, select_speakers
from exclaim.model import Model, load_model

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None)

_SNRS = "-5,0,5,10,20,clean"
_MOST_SNR_DB = 100.0


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model file, or a shipped name.")],
    corpus: Annotated[str | None, typer.Option(help="A corpus by name; `exclaim corpora list` has them.")] = None,
    data: Annotated[Path | None, typer.Option(help="Where the corpora are; default EXCLAIM_DATA.")] = None,
    manifest: Annotated[Path | None, typer.Option(help="CSV with path, label, speaker.")] = None,
    task: Annotated[str | None, typer.Option(help="The head, where several have labels.")] = None,
    speakers_file: Annotated[
        Path | None, typer.Option(help="Only these speakers: one on each line, or a run's split.json.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Only this part (test, validation) of --speakers-file, or of the model's run.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="What the clips are called in the record.")] = None,
    noise: Annotated[
        str | None,
        typer.Option(
            metavar="DIR|CORPUS",
            help="Also under this noise: all of a folder (a folder in it for each kind), or what a corpus has that "
            "training did not hear.",
        ),
    ] = None,
    snr: Annotated[
        list[str] | None,
        typer.Option(help=f"Signal-to-noise ratios in dB, such as {_SNRS}; again for more. Default: these."),
    ] = None,
    stream: Annotated[
        list[Path] | None,
        typer.Option(help="In place of clips: a recording, or a folder of pairs NAME.wav, NAME.csv; again for more."),
    ] = None,
    events: Annotated[
        list[Path] | None,
        typer.Option(help="What sounds in it: CSV with onset, offset, label, in seconds; one for each --stream."),
    ] = None,
    type_model: Annotated[
        str | None,
        typer.Option(help="Of streams: a model that tells more, such as scream-type; alarms are counted by it too."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Of streams: write JSON with the DET curve to this file.")] = None,
    draws: Annotated[int, typer.Option(min=2, help="Bootstrap draws of the intervals.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the draws and of the noise's excerpts.")] = 0,
    pin: Annotated[str | None, typer.Option(help="SHA-256 that the model file must have.")] = None,
    answers: Annotated[Path | None, typer.Option(help="Write the answer to each clip to this CSV file.")] = None,
    record: Annotated[Path | None, typer.Option(help="Add the figures to this results.json.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Judge a model on labelled clips, also under noise, or on hours of sound: figures with 95 % intervals."""
    check_writable(record)
    if stream or events or out or type_model:
        of_clips = {"--corpus": corpus, "--manifest": manifest, "--task": task, "--speakers-file": speakers_file}
        of_clips |= {"--split": split, "--noise": noise, "--snr": snr, "--answers": answers}
        _refuse_options_of_clips([option for option, value in of_clips.items() if value is not None])
        evaluate_streams(
            load_model(model, pin=pin),
            stream or [],
            events or [],
            type_model=None if type_model is None else load_model(type_model),
            name=name,
            seed=seed,
            draws=draws,
            out=out,
            record=record,
            as_json=as_json,
        )
        return
    if (corpus is None) == (manifest is None):
        raise CorpusError("name the clips by --corpus NAME (with --data DIR) or by --manifest CSV, one of the two")
    snrs_db = _snrs(snr, noise)
    loaded = load_model(model, pin=pin)
    root = manifest.parent if manifest is not None else data_root(data)
    clips = read_manifest(manifest) if manifest is not None else load_corpus(str(corpus), root)
    require_no_pointers(clips)
    called = name or (manifest.stem if manifest is not None else str(corpus))
    chosen, part = _of_speakers(clips, loaded, speakers_file, split)
    labelled = label_clips(loaded, chosen, task, f"{called}{part}")
    sounds = _noise(noise, data_root(data), loaded, speakers_file, split) if noise is not None else None
    heard, table = _hear(loaded, labelled, sounds, snrs_db, root, seed=seed, draws=draws)
    found = msgspec.structs.replace(judge_heard(loaded, heard, seed=seed, draws=draws), noise=table)
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
    else:
        print_evaluation(found)
    if answers is not None:
        write_answers(answers, heard.answers)
    if record is not None:
        options = {
            "--corpus": corpus,
            "--manifest": _portable(manifest),
            "--task": task,
            "--speakers-file": _portable(speakers_file),
            "--split": split,
            "--name": name,
            "--noise": noise if noise is None or is_noise_corpus(noise) else f"./{_portable(Path(noise))}",
            "--snr": ",".join(f"{value:g}" for value in snrs_db) or None,
            "--seed": str(seed) if seed else None,
        }
        _record(found, record, _command(model, options))


def _refuse_options_of_clips(given: Sequence[str]) -> None:
    if given:
        raise ConfigError(
            f"{given[0]} is for clips; with --stream give --events, --type-model, --name, --out, --record or --json"
        )


def _snrs(texts: Sequence[str] | None, noise: str | None) -> tuple[float, ...]:
    """Return the ratios asked for, rising; none without noise. "clean" is always in the table."""
    if noise is None:
        if texts:
            raise ConfigError(
                f"--snr {texts[0]} without noise; name it by --noise DIR, or --noise noise for the corpus"
            )
        return ()
    words = [word.strip() for text in texts or [_SNRS] for word in text.split(",")]
    try:
        found = {float(word) for word in words if word != "clean"}
    except ValueError as error:
        raise ConfigError(f"--snr {','.join(words)}: {error}; expected numbers in dB such as {_SNRS}") from error
    if not found or not all(abs(value) <= _MOST_SNR_DB for value in found):
        raise ConfigError(
            f"--snr {','.join(words)}: expected at least one number from -{_MOST_SNR_DB:g} to {_MOST_SNR_DB:g} dB"
        )
    return tuple(sorted(found))


def _of_speakers(clips: Manifest, model: Model, speakers_file: Path | None, split: str | None) -> tuple[Manifest, str]:
    """Return the clips of the speakers asked for, and what to call them."""
    if speakers_file is None and split is None:
        return clips, ""
    path = speakers_file or model.path.parent / SPLIT_FILE
    return select_speakers(clips, read_speakers(path, split)), f", {split or path.stem} speakers"


def _noise(name: str, root: Path, model: Model, speakers_file: Path | None, split: str | None) -> Noise:
    """Return a folder's recordings, or those of a corpus that no other part of the split has."""
    if not is_noise_corpus(name):
        return noise_in_folder(Path(name))
    own = model.path.parent / SPLIT_FILE
    path = speakers_file if speakers_file is not None and split is not None else own
    return noise_in_corpus(name, root, other_recordings(path, split or "test"))


def _hear(
    model: Model,
    labelled: Labelled,
    noise: Noise | None,
    snrs_db: Sequence[float],
    root: Path,
    *,
    seed: int,
    draws: int,
) -> tuple[Heard, NoiseTable | None]:
    """Hear the clips with a progress bar on the standard error."""
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task(labelled.data, total=None)

        def told(done: int, whole: int) -> None:
            progress.update(bar, completed=done, total=whole)

        if noise is None:
            return hear(model, labelled, root=root, progress=told), None
        with noise_bank(noise) as bank:
            options = {"root": root, "seed": seed, "draws": draws, "progress": told}
            return hear_under_noise(model, labelled, bank, snrs_db, **options)


def _record(found: Evaluation, path: Path, command: str) -> None:
    tree = source_tree(Path(exclaim.__file__).parent)
    date = datetime.now(UTC).isoformat(timespec="seconds")
    new = evaluation_records(found, command=command, tree=tree, date=date)
    keep_records(path, new)


def _command(model: str, options: dict[str, str | None]) -> str:
    """Return the command that measures this again, on any machine: no absolute paths, data where EXCLAIM_DATA says."""
    words = ["exclaim", "evaluate", str(_portable(Path(model)))]
    return shlex.join(words + [word for key, value in options.items() if value is not None for word in (key, value)])


def _portable(path: Path | None) -> str | None:
    if path is None:
        return None
    return path.name if path.is_absolute() else path.as_posix()
