"""Class sizes: given by hand they are kept, estimated ones come near to what is planted, and no label is ever asked."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from typer.testing import CliRunner

from hume import discover, preset
from hume.cli import app
from hume.common.errors import InputError
from hume.data.dataset import Dataset, Space
from hume.experiments.class_sizes import estimate_sizes, parse_sizes, read_sizes
from hume.reporting import experiment_sentences
from hume.runs.provenance import hyperparameters
from hume.runs.request import Request
from hume.runs.store import Store
from tests.support.planted import planted
from tests.support.planted_runs import StoppedError, create, save_folder
from tests.support.rules import cases

SIZES = (160, 60, 30)


def uneven(sizes=SIZES, *, seed=0, labels=True, **options):
    """Planted classes of these sizes."""
    phi1, phi2, truth = planted(seed, classes=len(sizes), size=max(sizes), dim=16, **options)
    rows = np.sort(np.concatenate([np.flatnonzero(truth == k)[:size] for k, size in enumerate(sizes)]))
    spaces = {"phi1": Space("phi1", phi1[rows]), "phi2": Space("phi2", phi2[rows])}
    return Dataset("uneven", spaces, labels=truth[rows] if labels else None)


def estimate(dataset, num_classes=3, **options):
    return estimate_sizes(dataset, "phi1", "phi2", num_classes, **{"seeds": range(6), **options})


def miss(found, sizes):
    """Total variation of two lists of sizes, both sorted."""
    return np.abs(np.subtract(found, np.sort(sizes)[::-1] / sum(sizes))).sum() / 2


@pytest.fixture(scope="module")
def found():
    return estimate(uneven(labels=False))


@pytest.mark.slow
def test_planted_sizes_are_estimated(found):
    assert miss(found.sizes, SIZES) < 0.1 < miss((1 / 3,) * 3, SIZES)
    assert found.sure == "clear"
    assert "of the samples: with these sizes" in experiment_sentences.class_sizes(found)
    assert found.steps[0].requested is None
    means = [step.information.mean() for step in found.steps]
    assert found.sizes == tuple(found.steps[int(np.argmax(means))].sizes)
    assert sum(found.sizes) == pytest.approx(1)


def test_estimated_sizes_find_the_classes_that_equal_ones_split(found):
    dataset = uneven()
    config, solver = preset("fast", num_classes=3, num_samples=dataset.num_samples)
    accuracy = {
        sizes: discover(
            dataset, config=replace(config, class_sizes=sizes), solver=solver, seeds=range(6), device="cpu"
        ).scores.vote_agreement.acc
        for sizes in (None, found.sizes)
    }
    assert accuracy[found.sizes] > accuracy[None] + 0.05


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "noise"), [(0, 0.25), (1, 0.4)])
def test_equal_classes_are_not_called_unequal(seed, noise):
    found = estimate(uneven((80, 80, 80), seed=seed, noise=noise))
    assert miss(found.sizes, (1, 1, 1)) < 0.03
    assert found.sure == "unclear" or "about equal" in experiment_sentences.class_sizes(found)


def test_no_label_is_asked():
    known, nameless = (estimate(uneven((40, 20), labels=labels), 2, seeds=range(5)) for labels in (True, False))
    assert experiment_sentences.class_sizes(known) == experiment_sentences.class_sizes(nameless)
    assert known.sizes == nameless.sizes


def test_progress_rises_to_the_end_and_may_end_the_work():
    dataset, shares = uneven((40, 40)), []
    estimate(dataset, 2, on_progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1

    def stop(share):
        raise StoppedError

    with pytest.raises(StoppedError):
        estimate(dataset, 2, on_progress=stop)


def test_too_few_seeds_are_refused():
    with pytest.raises(InputError, match="at least 5 seeds, got 4"):
        estimate(uneven(), seeds=range(4))
    with pytest.raises(InputError, match="fewer classes"):
        estimate(uneven(), 17)


@cases("text", ["500, 300,200", "500 300 200", "\n500\r\n300\n200\n", "5e2; 300; 200.0,"])
def test_sizes_are_read_however_they_are_written(text, tmp_path):
    assert parse_sizes(text) == (500, 300, 200)
    (tmp_path / "sizes.txt").write_text(text, encoding="utf-8")
    assert read_sizes(str(tmp_path / "sizes.txt")) == (500, 300, 200)
    assert read_sizes("500,300,200") == (500, 300, 200)
    many = [500 - i for i in range(100)]  # longer than any path may be
    assert read_sizes(",".join(map(str, many))) == tuple(many)
    with pytest.raises(InputError, match="class sizes are numbers"):
        read_sizes("a" * 5000)


def test_what_is_no_number_is_refused_in_one_sentence(tmp_path):
    for text in ("", "many", "1, two, 3"):
        with pytest.raises(InputError, match="numbers with commas"):
            parse_sizes(text)
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\xff")
    with pytest.raises(InputError, match="holds no class sizes"):
        read_sizes(str(tmp_path / "picture.png"))


# --- runs -------------------------------------------------------------------------------------------


def test_a_run_keeps_its_sizes_and_one_of_before_has_none(tmp_path):
    store = Store(tmp_path)
    run = create(store, save_folder(tmp_path / "data"), "sized", class_sizes=(2, 1, 1))
    assert store.open("sized").request.config.class_sizes == (0.5, 0.25, 0.25)
    assert ("class_sizes", "π", "0.5, 0.25, 0.25") in [row[:3] for row in hyperparameters(run)]
    old = json.loads(json.dumps(run.request.to_json()))
    assert Request.from_json(old) == run.request
    del old["config"]["class_sizes"]
    expected = replace(run.request, config=replace(run.request.config, class_sizes=None))
    assert Request.from_json(old) == expected
    assert set(asdict(run.request.config)) <= {row[0] for row in hyperparameters(run)}


def command(home, dataset, sizes):
    arguments = ["search", "--dataset", dataset.folder, "--num-classes", 3, "--seeds", 2, "--device", "cpu"]
    arguments += ["--run", "sized", "--class-sizes", sizes]
    return CliRunner(env={"HUME_HOME": str(home)}).invoke(app, [str(word) for word in arguments])


def test_the_command_line_takes_numbers_or_a_file(tmp_path):
    dataset = save_folder(tmp_path / "data", size=40)
    (tmp_path / "sizes.txt").write_text("10\n20\n10\n", encoding="utf-8")
    for i, sizes in enumerate(["10,20,10", tmp_path / "sizes.txt"]):
        home = tmp_path / str(i)
        assert command(home, dataset, sizes).exit_code == 0
        assert Store(home).open("sized").request.config.class_sizes == (0.5, 0.25, 0.25)


def test_the_command_line_estimates_first_and_says_how_sure(tmp_path):
    dataset = save_folder(tmp_path / "data", size=40)
    done = command(tmp_path, dataset, "estimate")
    assert done.exit_code == 0
    assert "class sizes" in done.stderr
    assert len(Store(tmp_path).open("sized").request.config.class_sizes) == 3


@pytest.mark.parametrize(("sizes", "words"), [("10,20", "3 classes need as many"), ("nowhere.txt", "numbers with")])
def test_the_command_line_says_what_is_wrong_and_makes_no_run(tmp_path, sizes, words):
    done = command(tmp_path, save_folder(tmp_path / "data"), sizes)
    assert done.exit_code == 2
    [line] = done.stderr.strip().splitlines()
    assert words in line
    assert Store(tmp_path).names() == []
