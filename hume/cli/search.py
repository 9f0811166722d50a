"""Commands that search: search, resume, demo."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import typer
from numpy.typing import NDArray

from hume.cli.base import command, progress
from hume.cli.class_sizes import AUTO, EQUAL, asked_sizes
from hume.cli.options import MOST_SEEDS, AsJson, Cluster, RunName
from hume.cli.show import report_run
from hume.cli.tables import write_reliable_samples
from hume.common import devices
from hume.common.errors import HumeError, InputError
from hume.data import splits
from hume.data.dataset import Dataset, dataset_from_files
from hume.data.splits import Setting
from hume.engine.config import Config, PresetName
from hume.engine.config import preset as preset_named
from hume.engine.search import Step
from hume.engine.solvers import Implicit, InnerSolver, Unrolled
from hume.evaluation import metrics
from hume.experiments import saved_trust
from hume.experiments.baselines import kmeans
from hume.runs import discover
from hume.runs.findings import Findings
from hume.runs.ray_cluster import check as check_cluster
from hume.runs.request import Refine, default_refine, solver_name
from hume.runs.run import Run
from hume.runs.store import Store

JUDGED_WITHIN = 10.0  # seconds that a search adds at its end for a judgement


@command("search")
def search_run(
    dataset: Annotated[str | None, typer.Option(help="Embedded dataset, one of the home folder, or a folder.")] = None,
    phi1: Annotated[str | None, typer.Option(help="Space of the labels, or a .npy file.")] = None,
    phi2: Annotated[str | None, typer.Option(help="Space of the classifier, or a .npy file.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Ground truth as .npy, for display only.")] = None,
    num_classes: Annotated[int | None, typer.Option(help="K; the dataset's where it knows.")] = None,
    class_sizes: Annotated[
        str | None,
        typer.Option(
            metavar="SIZES",
            help="auto: how even they are is chosen without labels (fast, refined); equal; sizes of the K classes in "
            "any order and unit, as 500,300,200 or a file; estimate: without labels.",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Number of random starts.")] = 100,
    preset: Annotated[PresetName, typer.Option(help="Hyperparameters.")] = "fast",
    solver: Annotated[str | None, typer.Option(help="implicit or unrolled; the preset's if left out.")] = None,
    setting: Annotated[Setting, typer.Option(help="Search on the train rows or on all.")] = "transductive",
    refine: Annotated[
        Refine | None,
        typer.Option(help="joint: refine labelings in both spaces; none: as in the paper. Left out: joint for fast."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    cluster: Cluster = None,
    seed_batch: Annotated[
        int | None, typer.Option(help="Seeds searched in one batch; as many as memory allows if left out.")
    ] = None,
    run: Annotated[str | None, typer.Option(help="Name for the run.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Override a hyperparameter: NAME=VALUE.")] = None,
    as_json: AsJson = False,
) -> None:
    """Search for the human labeling of a dataset."""
    store = Store()
    data = _data(store, dataset, phi1, phi2, labels)
    if not 1 <= seeds <= MOST_SEEDS:
        raise InputError(f"a search has 1 to {MOST_SEEDS:,} seeds, got --seeds {seeds}")
    first, second = (list(data.spaces) * 2)[:2] if dataset is None else (phi1, phi2)
    if cluster is not None:
        check_cluster(cluster)  # before there is a run
    created = _create(
        store, data, first, second, num_classes, range(seeds), preset, solver, setting, device, run, set_, cluster,
        seed_batch, class_sizes, refine,
    )  # fmt: skip
    report_run(*_execute(created), as_json)


def _data(store: Store, dataset: str | None, phi1: str | None, phi2: str | None, labels: Path | None) -> Dataset:
    if dataset is not None:
        if labels is not None:
            raise InputError("--labels goes with --phi1 and --phi2 files: a dataset has its own labels")
        return store.load_dataset(dataset)
    if phi1 is None or phi2 is None:
        raise InputError("name a --dataset, or give --phi1 and --phi2 as .npy files")
    return dataset_from_files(Path(phi1), Path(phi2), labels)


def _create(
    store: Store,
    data: Dataset,
    phi1: str | None,
    phi2: str | None,
    num_classes: int | None,
    seeds: range,
    preset: PresetName,
    solver: str | None,
    setting: Setting,
    device: str,
    name: str | None,
    overrides: list[str] | None,
    cluster: str | None = None,
    seed_batch: int | None = None,
    class_sizes: str | None = None,
    refine: Refine | None = None,
) -> Run:
    """Register a run with the settings of the command line."""
    rows = splits.searched_rows(data, setting)
    config, inner = preset_named(
        preset,
        num_classes=discover.classes_of(data, num_classes),
        num_samples=int(rows.sum()),
        setting=setting,
    )
    config = _overridden(config, overrides or [])
    chosen = devices.choose_device(device)
    first, second = data.space(phi1 or data.default_pair[0]), data.space(phi2 or data.default_pair[1])
    refine = refine or default_refine(preset)
    by_default = AUTO if preset == "fast" and refine == "joint" and not overrides else EQUAL
    class_sizes = class_sizes or by_default
    if class_sizes not in (AUTO, EQUAL):
        sizes = asked_sizes(class_sizes, data, first.name, second.name, config.num_classes, setting, chosen)
        config = replace(config, class_sizes=sizes)
    return store.create(
        data,
        phi1=first.name,
        phi2=second.name,
        config=config,
        solver=_solver(solver, inner),
        setting=setting,
        seeds=seeds,
        device=chosen,
        cluster=cluster,
        seed_batch=seed_batch,
        refine=refine,
        sizes="auto" if class_sizes == AUTO else "as configured",
        name=name,
    )


def _solver(name: str | None, preset: InnerSolver) -> InnerSolver:
    """The requested solver; the implicit one for a paper preset takes the ridge equivalent to its steps."""
    if name is None or name == solver_name(preset):
        return preset
    if name == "implicit":
        return Implicit.like(preset) if isinstance(preset, Unrolled) else preset
    if name == "unrolled":
        return Unrolled()
    raise InputError(f"there is no solver {name!r}: choose implicit or unrolled")


def _overridden(config: Config, overrides: list[str]) -> Config:
    known = [field.name for field in fields(Config)]
    for override in overrides:
        name, equals, value = override.partition("=")
        if not equals or name not in known:
            raise InputError(f"--set {override}: give NAME=VALUE with one of {', '.join(known)}")
        try:
            parsed = json.loads(value)
        except ValueError:
            parsed = value  # a word, as in encoder=retraction
        if not _fits(parsed, get_type_hints(Config)[name]):
            raise InputError(f"--set {override}: {value!r} is no value for {name}")
        config = replace(config, **{name: parsed})
    return config


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value read from JSON is of the type that a field of Config has."""
    parts = get_args(hint)
    if get_origin(hint) is tuple:
        return isinstance(value, list) and all(_fits(item, parts[0]) for item in value)
    if get_origin(hint) is Literal:
        return value in parts
    if parts:
        return any(_fits(value, part) for part in parts)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))
    return type(value) is hint


@command("resume")
def resume(
    run: RunName,
    cluster: Cluster = None,
    no_cluster: Annotated[bool, typer.Option("--no-cluster", help="Search on this machine alone.")] = False,
    as_json: AsJson = False,
) -> None:
    """Resume an interrupted run, on its cluster or device unless an option says otherwise."""
    opened = Store().open(run)
    if cluster is not None and no_cluster:
        raise InputError("--cluster and --no-cluster exclude each other: give one of them")
    if cluster is not None or no_cluster:
        opened = replace(opened, request=replace(opened.request, cluster=cluster))
    report_run(*_execute(opened), as_json)


def _execute(run: Run) -> tuple[Run, dict[str, Any]]:
    """Execute a run with a progress bar on standard error; the run has what was chosen on the way."""
    with progress(transient=True) as bar:
        choosing = bar.add_task("evenness of the classes", total=1.0)
        run = run.with_evenness(lambda share: bar.update(choosing, completed=share))
    with progress() as bar:
        total, done = len(run.request.seeds), len(run.finished_seeds)
        searching = bar.add_task(f"search, {total} seeds", total=1.0)
        bar.update(searching, completed=done / total)
        scoring = bar.add_task("cross-validation", total=10, start=False)
        refining = bar.add_task(
            "refinement in both spaces", total=1.0, start=False, visible=run.request.refine == "joint"
        )

        def on_step(step: Step) -> None:
            bar.update(searching, completed=(done + step.progress * (total - done)) / total)

        def on_fold(number: int) -> None:
            bar.update(searching, completed=1.0)
            bar.start_task(scoring)
            bar.update(scoring, completed=number)

        def on_refine(share: float) -> None:
            bar.start_task(refining)
            bar.update(refining, completed=share)

        values = run.execute(on_step=on_step, on_fold=on_fold, on_refine=on_refine)
        if saved_trust.expected_seconds(run) <= JUDGED_WITHIN:
            judging = bar.add_task("evidence on the labeling", total=1.0)
            with suppress(HumeError):  # the run is finished; `trust` repeats what is wrong
                saved_trust.judge(Findings(run), lambda share: bar.update(judging, completed=share))
            bar.update(judging, completed=1.0)
        return run, values


@command("demo")
def demo(seeds: Annotated[int, typer.Option(help="Number of random starts.", max=MOST_SEEDS)] = 100) -> None:
    """Label the embedded images, compared with k-means on the same features."""
    store = Store()
    data = store.load_dataset("fashion-mnist")
    run = _create(store, data, None, None, None, range(seeds), "fast", None, "transductive", "auto", None, None)
    run, values = _execute(run)
    report_run(run, values, as_json=False)
    for name, labelings in _baselines(data, run):
        accuracy = [metrics.clustering_accuracy(data.labels, labeling) for labeling in labelings]  # type: ignore
        print(f"k-means      ACC {np.mean(accuracy):.3f} ± {np.std(accuracy):.3f}, best {max(accuracy):.3f} on {name}")
    write_reliable_samples(Findings(run), run.folder / "reliable.csv", 25, 500, "algorithm", "all")


def _baselines(data: Dataset, run: Run) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """K-means from ten starts on either space and on both."""
    first, second = run.request.phi1, run.request.phi2
    a, b = (np.asarray(data.space(name).features, np.float32) for name in (first, second))
    K = run.request.config.num_classes
    for name, features in ((first, a), (second, b), (f"{first} + {second}", kmeans.concatenate(a, b))):
        yield name, kmeans.kmeans(features, K).labelings
