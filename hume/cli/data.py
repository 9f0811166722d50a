"""Commands about data: add datasets, compute and inspect spaces."""

from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from hume.cli.base import command, print_table, progress, with_bar
from hume.common import devices
from hume.common.errors import InputError
from hume.data.folder import DatasetFolder
from hume.data.importers.folder_meaning import Meaning
from hume.exchange.detection import detect_format
from hume.exchange.incoming import import_path
from hume.exchange.preview import look
from hume.reporting import import_sentences
from hume.runs.dataset_library import copy_dataset, delete_dataset, delete_space, own_dataset
from hume.runs.store import Store

if TYPE_CHECKING:
    from hume.features.pretrain import PretrainConfig

Name = Annotated[str | None, typer.Option("--name", help="What to call it; chosen if left out.")]
Own = Annotated[str, typer.Argument(help="A dataset of your own, see `datasets`.", metavar="DATASET")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]


# --- adding ------------------------------------------------------------------------------------


@command("add")
def add(
    path: Annotated[
        Path,
        typer.Argument(help="Folder or zip of images, table of paths, arrays, Hugging Face dataset, or a release."),
    ],
    name: Name = None,
    side: Annotated[int, typer.Option(help="Pixels of the stored copy of larger pictures.")] = 96,
    copy: Annotated[bool, typer.Option("--copy", help="Copy large pictures; otherwise they are referred to.")] = False,
    path_column: Annotated[str | None, typer.Option(help="Of a table; guessed if left out.")] = None,
    label_column: Annotated[str | None, typer.Option(help="Of a table.")] = None,
    split_column: Annotated[str | None, typer.Option(help="Of a table.")] = None,
    folders: Annotated[
        Meaning | None, typer.Option(help="What sub-folders of pictures mean; judged by their names if left out.")
    ] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Only print what would be imported.")] = False,
) -> None:
    """Import a path as a dataset, with its labels and train/test split where there are any."""
    found = detect_format(
        path, meaning=folders, path_column=path_column, label_column=label_column, split_column=split_column
    )
    print(found.summary)
    for text in import_sentences.outcomes(found):
        print(f"  {text}")
    if preview:
        _print_aside([*found.set_aside, *look(found, path.expanduser(), shown=0).unreadable])
        return
    keep: Literal["refer", "copy"] = "copy" if copy else "refer"
    report = with_bar("reading", partial(import_path, found, Store(), name, keep=keep, side=side, source=str(path)))
    print(report.summary)
    _print_aside(report.set_aside)


def _print_aside(set_aside: Sequence[tuple[str, str]]) -> None:
    for what, why in set_aside[:20]:
        print(f"  set aside  {what}: {why}")
    if len(set_aside) > 20:
        print(f"  and {len(set_aside) - 20:,} more")


@command("add-public")
def add_public(
    key: Annotated[str, typer.Argument(help="Its name, such as cifar10, or hf:OWNER/NAME of Hugging Face.")],
    files: Annotated[Path | None, typer.Option(help="Folder where its files are, or are downloaded to.")] = None,
    download: Annotated[bool, typer.Option("--download", help="Download missing files.")] = False,
    name: Name = None,
) -> None:
    """Import a public dataset by its name."""
    from hume.data.catalog import CATALOG, import_named
    from hume.data.importers.hugging_face import import_hugging_face

    root = Store().dataset_roots[0]
    if key.startswith("hf:"):
        hub = key.removeprefix("hf:")
        title = name or hub.rsplit("/", 1)[-1]
        made = with_bar("reading", partial(import_hugging_face, hub, root, title))
    elif key not in CATALOG:
        raise InputError(f"there is no public dataset {key!r}: choose one of {', '.join(CATALOG)}, or hf:OWNER/NAME")
    elif name is not None:
        raise InputError("--name goes with hf:OWNER/NAME: other public datasets keep their names")
    else:
        place = files or Store().home / "downloads"
        made = with_bar("reading", partial(import_named, key, root, data_folder=place, download=download))
    print(f"{made.load().num_samples:,} images are in {made.name}")


@command("copy")
def copy(dataset: Annotated[str, typer.Argument(help="See `datasets`.")]) -> None:
    """Copy an embedded dataset, to add spaces of your own to the copy."""
    print(f"{copy_dataset(Store(), dataset).name} is yours")


@command("delete-dataset")
def delete(
    dataset: Own,
    space: Annotated[str | None, typer.Option(help="Delete this space alone.")] = None,
) -> None:
    """Delete a dataset of your own for good, or one space of it; refused while runs use it."""
    store = Store()
    folder = own_dataset(store, dataset)
    if space is None:
        delete_dataset(store, folder)
    else:
        delete_space(store, folder, space)
    print(f"{dataset if space is None else f'{space} of {dataset}'} is deleted")


# --- spaces ------------------------------------------------------------------------------------


@command("networks")
def networks() -> None:
    """The pretrained networks with usual names, and whether their weights are on this machine."""
    from hume.features.backbones import KNOWN, available

    table = Table("network", "title", "d", "MB", "licence", "here", box=None)
    for name, known in KNOWN.items():
        here = "yes" if available(name) else "no"
        table.add_row(name, known.title, str(known.dim), str(known.megabytes), known.licence, here)
    print_table(table)
    print("Any other: timm:MODEL, open_clip:ARCHITECTURE/WEIGHTS, torchvision:MODEL, transformers:ID.")


@command("extract")
def extract_space(
    dataset: Own,
    network: Annotated[str, typer.Argument(help="A name of `networks`, or a library's: timm:resnet50.")],
    weights: Annotated[Path | None, typer.Option(help="A file of weights, if they cannot be downloaded.")] = None,
    size: Annotated[
        int | None, typer.Option(help="Side of the pictures in pixels, the network's own if left out.")
    ] = None,
    name: Name = None,
    device: Device = "auto",
) -> None:
    """Extract a space by a pretrained network (φ2); resumes where it was interrupted."""
    from hume.features.backbones import load_backbone
    from hume.features.extract import extract, features_key
    from hume.features.space_pace import measure_extraction
    from hume.reporting import space_sentences

    folder = own_dataset(Store(), dataset)
    backbone = load_backbone(network, weights=weights, device=devices.choose_device(device), size=size)
    if folder.space_with_key(features_key(folder, backbone)) is None:
        print(f"{space_sentences.time(measure_extraction(folder, backbone))} on {backbone.device}")
    made = with_bar(backbone.title, partial(extract, folder, backbone, name=name))
    print(f"space {made}: {_described(folder, made)}")


@command("pretrain")
def pretrain_space(
    dataset: Own,
    method: Annotated[str, typer.Option(help="simclr, moco or byol.")] = "simclr",
    encoder: Annotated[str | None, typer.Option(help="small, resnet18 or resnet50; the device's if left out.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Chosen by the data and the time if left out.")] = None,
    side: Annotated[int | None, typer.Option(help="Pixels that larger pictures are reduced to.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Train the full length even where it takes long.")] = False,
    batch_size: Annotated[int | None, typer.Option(help="Images a step.")] = None,
    flip: Annotated[bool, typer.Option("--flip/--no-flip", help="Mirror images; not if left and right differ.")] = True,
    train_split_only: Annotated[
        bool, typer.Option("--train-split-only", help="Exclude the test rows from training.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of weights and views.")] = 0,
    device: Device = "auto",
) -> None:
    """Train a network on the images of a dataset without labels and extract a space of its features (φ1)."""
    from hume.features.pretrain import defaults, pretrain

    folder, place = own_dataset(Store(), dataset), devices.choose_device(device)
    choices: dict[str, Any] = {
        "method": method, "encoder": encoder, "epochs": epochs, "side": side, "batch_size": batch_size, "flip": flip,
        "train_split_only": train_split_only, "seed": seed,
    }  # fmt: skip
    config = defaults(folder, place, **{key: value for key, value in choices.items() if value is not None})
    config = _timed(folder, config, place, may_shorten=not full and epochs is None and side is None)
    with progress() as bar, closing(pretrain(folder, config, device=place)) as steps:
        training = bar.add_task(config.title, total=1.0)
        while True:
            try:
                record = next(steps)
            except StopIteration as end:
                made = end.value
                break
            share = 0.95 * record.step / record.num_steps + 0.05 * record.written
            bar.update(training, completed=share, description=f"{config.title}, loss {record.loss:.3f}")
    print(f"space {made}: {_described(folder, made)}")


def _timed(folder: DatasetFolder, config: "PretrainConfig", device: str, *, may_shorten: bool) -> "PretrainConfig":
    """Print how long a training takes; a shorter one in its place where it takes long and neither is begun."""
    from hume.features.pretrain import pending
    from hume.features.space_pace import is_long, measure_training, short
    from hume.reporting import space_sentences

    less, begun = short(config), [job.config for job in pending(folder)]
    if may_shorten and less in begun:
        config = less
    seconds = measure_training(folder, config, device).seconds(config)
    print(f"{space_sentences.training(config, seconds)} on {device}")
    if may_shorten and config not in begun and less != config and is_long(seconds):
        seconds = measure_training(folder, less, device).seconds(less)
        print(f"a shorter training instead: {space_sentences.training(less, seconds)}; --full trains the full length")
        config = less
    return config


@command("derive")
def derive_space(
    dataset: Own,
    spaces: Annotated[list[str], typer.Argument(help="One space, or several to concatenate.")],
    unit: Annotated[bool, typer.Option("--unit", help="Divide every row by its L2 norm.")] = False,
    centre: Annotated[bool, typer.Option("--centre", help="Subtract the mean row.")] = False,
    pca: Annotated[int | None, typer.Option(help="Keep this many leading directions.")] = None,
    whiten: Annotated[bool, typer.Option("--whiten", help="Give every direction kept the same variance.")] = False,
    name: Name = None,
) -> None:
    """Derive a space from others: concatenated, centred, of unit length, reduced by PCA."""
    from hume.features.derive import derive
    from hume.features.recipe import Recipe

    folder = own_dataset(Store(), dataset)
    recipe = Recipe(spaces=tuple(spaces), unit=unit, centre=centre, pca=pca, whiten=whiten)
    made = with_bar("deriving", partial(derive, folder, recipe, name))
    print(f"space {made}: {_described(folder, made)}")


@command("facts")
def facts(
    dataset: Annotated[str, typer.Argument(help="See `datasets`.")],
    space: Annotated[str | None, typer.Argument(help="One space, all if left out.")] = None,
) -> None:
    """Statistics of a dataset's spaces: norms, spectrum, duplicates, empty rows."""
    from hume.features.statistics import space_facts

    data = Store().load_dataset(dataset)
    chosen = [data.space(space)] if space is not None else list(data.spaces.values())
    table = Table("space", "rows", "d", "effective rank", "norm", "duplicates", "zero", "constant", box=None)
    for each in chosen:
        found = space_facts(each)
        table.add_row(
            each.name, f"{found.num_rows:,}", f"{found.num_columns:,}", f"{found.effective_rank:.1f}",
            f"{found.norm_median:.3g}", str(found.num_duplicates), str(found.num_zero), str(found.num_constant),
        )  # fmt: skip
    print_table(table)


def _described(folder: DatasetFolder, space: str) -> str:
    entry = folder.card().get("spaces", {}).get(space, {})
    return str(entry.get("made", ""))
