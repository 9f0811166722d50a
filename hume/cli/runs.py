"""Commands about runs: search, inspect, write labels."""

import json
from collections.abc import Iterator
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_args, get_origin, get_type_hints

import numpy as np
import typer
from numpy.typing import NDArray
from rich.table import Table

from hume.cli.base import command, print_table, progress
from hume.cli.class_sizes import AUTO, EQUAL, asked_sizes
from hume.common import devices
from hume.common.csv_files import write_csv
from hume.common.errors import InputError, RunError
from hume.common.files import write_atomically
from hume.data import splits
from hume.data.dataset import Dataset, dataset_folders, dataset_from_files, load_dataset
from hume.data.splits import Setting
from hume.engine.config import Config, PresetName
from hume.engine.config import preset as preset_named
from hume.engine.inner import Implicit, InnerSolver, Unrolled
from hume.engine.search import Step
from hume.evaluation import metrics, reliable
from hume.evaluation.approximate_neighbors import Method
from hume.experiments.baselines import kmeans
from hume.reporting import sentences
from hume.runs import discover, review
from hume.runs.findings import LABEL_COLUMNS, RELIABLE_COLUMNS, Findings, RowChoice, View
from hume.runs.ray_cluster import check as check_cluster
from hume.runs.refinement import Refine, default_refine
from hume.runs.request import solver_name
from hume.runs.run import Run
from hume.runs.store import Store

RunName = Annotated[str, typer.Argument(help="Name of a run, see `list`.", metavar="RUN")]
Csv = Annotated[Path, typer.Option("--csv", help="File to write.")]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="ADDRESS",
        help="Search on a Ray cluster: auto for one on this machine, HOST:PORT, or ray://HOST:PORT.",
    ),
]
Labeling = Annotated[
    View | None,
    typer.Option(help="refined: the most likely labelings in both spaces; searched: the paper's vote of all seeds."),
]
ModeNumber = Annotated[
    int | None, typer.Option("--mode", help="The vote of the seeds of one mode alone, by its number in `modes`.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line on standard output.")]


# --- searching -------------------------------------------------------------------------------


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
    if seeds < 1:
        raise InputError(f"a search needs at least 1 seed, got --seeds {seeds}")
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

        return run, run.execute(on_step=on_step, on_fold=on_fold, on_refine=on_refine)


# --- inspecting --------------------------------------------------------------------------------


def _as_json(run: Run, values: dict[str, Any]) -> str:
    request = run.request
    return json.dumps(
        {
            "run": run.name,
            "folder": str(run.folder),
            "dataset": request.dataset,
            "phi1": request.phi1,
            "phi2": request.phi2,
            "num_seeds": len(values["seeds"]),
            "num_classes": request.config.num_classes,
            "setting": request.setting,
            "solver": solver_name(request.solver),
            "evenness": None if request.evenness is None else asdict(request.evenness),
            **values,
        }
    )


def report_run(run: Run, values: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(_as_json(run, values))
        return
    request = run.request
    print(f"run          {run.name}")
    print(f"folder       {run.folder}")
    print(f"data         {request.dataset}: φ1 {request.phi1}, φ2 {request.phi2}, K {request.config.num_classes}")
    if request.origin == "authors":
        print("solver       imported from the authors' layout")
    else:
        print(f"solver       {solver_name(request.solver)} on {values['device']}, {request.setting}")
    print(f"seeds        {len(values['seeds'])} in {values['seconds']:.1f} s")
    if request.evenness is not None:
        print(f"class sizes  {sentences.evenness(request.evenness)}")
    cv_score = np.array(values["cv_score"])
    print(f"cv score     {cv_score.mean():.3f} ± {cv_score.std():.3f} over the seeds, best {cv_score.max():.3f}")
    if values.get("not_refined"):
        print(f"not refined  {values['not_refined']}")
    if values.get("refined"):
        number = len(values["refined"]["seeds"])
        print(f"refined      {number} of {len(values['seeds'])} seeds, {values['refine_seconds']:.1f} s")
    if values["vote"]["acc"] is None:
        print("vote         no ground truth to compare with")
        return
    accuracy = np.array(values["acc"])
    print(f"seeds' ACC   {accuracy.mean():.3f} ± {accuracy.std():.3f}")
    print(_correlation_line("cv score", values["correlation"]))
    print(_agreement_line("searched", values.get("searched_vote", values["vote"])))
    refined = values.get("refined")
    if refined is not None:
        accuracy = np.array(refined["acc"])
        print(f"refined ACC  {accuracy.mean():.3f} ± {accuracy.std():.3f}")
        print(_correlation_line("likelihood", values["likelihood_correlation"]))
    print(_agreement_line("vote", values["vote"]))


def _agreement_line(name: str, vote: dict[str, float]) -> str:
    return f"{name:<12} " + "ACC {acc:.3f}, ARI {ari:.3f}, NMI {nmi:.3f}".format(**vote)


def _correlation_line(name: str, correlation: dict[str, Any]) -> str:
    if correlation["r"] is None:
        return "correlation  not enough different seeds"
    text = "correlation  r = {r:.2f} of {name} and ACC, 95 % interval {low:.2f} to {high:.2f}, p = {p:.1g}, n = {n}"
    return text.format(name=name, **correlation)


@command("show")
def show(run: RunName, as_json: AsJson = False) -> None:
    """What a run was asked to do and what it found."""
    opened = Store().open(run)
    if opened.state == "finished":
        report_run(opened, opened.scores(), as_json)
    elif as_json:
        done = opened.finished_seeds
        print(json.dumps({"run": opened.name, "folder": str(opened.folder), "state": opened.state, "seeds": done}))
    else:
        number, asked = len(opened.finished_seeds), len(opened.request.seeds)
        print(f"{opened.name} is {opened.state}: {number} of {asked} seeds are finished")


@command("list")
def list_runs() -> None:
    """All runs, the newest first."""
    table = Table("run", "state", "seeds", "dataset", "φ1", "φ2", "vote ACC", "created", box=None)
    store = Store()
    for name in store.names():
        try:
            run = store.open(name)
        except RunError:
            table.add_row(name, "damaged")
            continue
        request, state = run.request, run.state
        acc = run.scores()["vote"]["acc"] if state == "finished" else None
        seeds = f"{len(run.finished_seeds)}/{len(request.seeds)}"
        shown = "–" if acc is None else f"{acc:.3f}"
        table.add_row(run.name, state, seeds, request.dataset, request.phi1, request.phi2, shown, request.created)
    print_table(table)


@command("datasets")
def list_datasets() -> None:
    """All datasets, with their spaces."""
    table = Table("dataset", "samples", "K", "labels", "space", "d", "kind", "licence", box=None)
    store = Store()
    for folder in dataset_folders(store.dataset_roots):
        try:
            data = load_dataset(folder)
        except InputError as error:
            table.add_row(folder.name, "damaged", "", "", str(error), "", "", "")
            continue
        head = (data.name, str(data.num_samples), str(data.num_classes or "–"), "no" if data.labels is None else "yes")
        if not data.spaces:
            table.add_row(*head, "none yet", "", "", "")
        for i, space in enumerate(data.spaces.values()):
            start = head if i == 0 else ("",) * 4
            table.add_row(*start, space.name, str(space.features.shape[1]), space.kind, space.licence)
    print_table(table)


# --- export --------------------------------------------------------------------------------------


@command("labels")
def write_labels(run: RunName, csv: Csv, labeling: Labeling = None, mode: ModeNumber = None) -> None:
    """Write the vote's label of every sample."""
    found = Findings(Store().open(run), labeling, mode)
    print(write_csv(csv, LABEL_COLUMNS, found.label_table(review.read(found.run))))


@command("curve")
def write_curve(run: RunName, csv: Csv, labeling: Labeling = None) -> None:
    """Write the accuracy of the vote of the n best seeds, for every n (Fig. 3a)."""
    print(write_csv(csv, *Findings(Store().open(run), labeling).curve_table()))


@command("reliable")
def write_reliable(
    run: RunName,
    csv: Csv,
    per_class: Annotated[int, typer.Option(help="Samples of every class.")] = 25,
    neighbors: Annotated[int, typer.Option(help="Nearest neighbours of every sample.")] = 500,
    order: Annotated[
        reliable.Order, typer.Option(help="Algorithm G1 as printed, or as its prose has it.")
    ] = "algorithm",
    rows: Annotated[str, typer.Option(help="Choose among all, train or test rows.")] = "all",
    neighbors_method: Annotated[
        Method, typer.Option(help="auto: exact where that takes a minute or two, else approximate by faiss.")
    ] = "auto",
    labeling: Labeling = None,
    mode: ModeNumber = None,
) -> None:
    """Write the reliable samples (Algorithm G1), with the names and rejections of the app."""
    found = Findings(Store().open(run), labeling, mode)
    _reliable(found, csv, per_class, neighbors, order, cast(RowChoice, rows), neighbors_method)


def _reliable(
    found: Findings,
    csv: Path,
    per_class: int,
    neighbors: int,
    order: reliable.Order,
    rows: RowChoice,
    method: Method = "auto",
) -> None:
    with progress(transient=True) as bar:
        counting = bar.add_task("neighbours", total=1.0)
        ranking = found.ranking(neighbors, order, rows, lambda share: bar.update(counting, completed=share), method)
    samples, quality = found.reliable_samples(ranking, per_class, rows)
    path = write_csv(csv, RELIABLE_COLUMNS, found.reliable_table(samples, review.read(found.run)))
    recall = ranking.neighbor_recall
    if recall is not None:
        print(
            f"neighbours   approximate: {recall.share:.1%} of the exact ones found, measured on "
            f"{recall.num_samples} samples"
        )
    for number, size in samples.shortages.items():
        what = "is empty" if size == 0 else f"has only {size} of {per_class} requested samples"
        print(f"class {number} {what}")
    if quality is not None:
        print(f"accuracy     {quality.accuracy:.3f} of {len(samples.rows)} reliable samples")
        print(f"per class    {quality.accuracy_mean:.3f} ± {quality.accuracy_std:.3f}")
        print(f"balance      {quality.balance_mean:.1f} ± {quality.balance_std:.1f} samples a true class")
    print(path)


@command("report")
def write_report(
    run: RunName,
    file: Annotated[Path, typer.Argument(help="File to write.", metavar="FILE.html")],
    blind: Annotated[bool, typer.Option("--blind", help="Leave the ground truth out.")] = False,
    labeling: Labeling = None,
    mode: ModeNumber = None,
) -> None:
    """Write a report of a run as one HTML file that opens offline."""
    found = Findings(Store().open(run), labeling, mode)
    try:
        from hume.reporting.report import (
            report,  # Plotly and Pillow take a second to load, and only this command needs them
        )
    except ModuleNotFoundError as error:
        raise InputError(f"a report needs the Python package {error.name}: install plotly and pillow") from None
    page = report(found, show_truth=not blind).encode()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, page)
    except OSError as error:
        raise RunError(f"cannot write {file} ({error.strerror}): choose another place") from None
    print(file.resolve())


@command("demo")
def demo(seeds: Annotated[int, typer.Option(help="Number of random starts.")] = 100) -> None:
    """Label the embedded images, compared with k-means on the same features."""
    store = Store()
    data = store.load_dataset("fashion-mnist")
    run = _create(store, data, None, None, None, range(seeds), "fast", None, "transductive", "auto", None, None)
    run, values = _execute(run)
    report_run(run, values, as_json=False)
    for name, labelings in _baselines(data, run):
        accuracy = [metrics.clustering_accuracy(data.labels, labeling) for labeling in labelings]  # type: ignore
        print(f"k-means      ACC {np.mean(accuracy):.3f} ± {np.std(accuracy):.3f}, best {max(accuracy):.3f} on {name}")
    _reliable(Findings(run), run.folder / "reliable.csv", 25, 500, "algorithm", "all")


def _baselines(data: Dataset, run: Run) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """K-means from ten starts on either space and on both."""
    first, second = run.request.phi1, run.request.phi2
    a, b = (np.asarray(data.space(name).features, np.float32) for name in (first, second))
    K = run.request.config.num_classes
    for name, features in ((first, a), (second, b), (f"{first} + {second}", kmeans.concatenate(a, b))):
        yield name, kmeans.kmeans(features, K).labelings
