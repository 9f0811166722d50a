"""Learning from few labels: right ones help, wrong ones harm, the truth stays out, and what was learned is kept."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch.nn.functional import cross_entropy
from typer.testing import CliRunner

from hume.cli import app
from hume.common.errors import InputError
from hume.engine.finished_seed import FinishedSeed
from hume.evaluation.label_sampling import draw_labels, pick
from hume.evaluation.reliable import ReliabilityRanking
from hume.experiments import trained_heads
from hume.experiments.fixmatch import FixMatch, LabeledSet, consistency_gradient, predict, train_heads
from hume.experiments.semi_supervised import SemiSupervised
from hume.reporting import figures
from hume.reporting.experiment_sentences import protocol, worth_of_labels
from hume.runs import review
from hume.runs.findings import Findings
from hume.runs.store import Store
from tests.support.planted import planted
from tests.support.planted_runs import create, save_folder

SEEDS = range(3)
QUICK = FixMatch(num_steps=60)


@pytest.fixture(scope="module")
def space():
    """Rows of three classes (600, 8), coordinates about 1 in size, and their classes."""
    phi1, _, truth = planted(size=200, noise=0.35)
    rows = phi1 - phi1.mean(0)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True) * rows.shape[1] ** 0.5
    return torch.from_numpy(rows), truth


def told(rows, classes, num_classes=3):
    return LabeledSet(np.tile(rows, (len(SEEDS), 1)), np.tile(classes, (len(SEEDS), 1)), num_classes)


def some(truth, per_class=5):
    return np.concatenate([np.flatnonzero(truth == k)[:per_class] for k in range(3)])


def right(heads, space):
    return (predict(heads, space[0]) == space[1]).mean(1)


# --- the head ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [-1, 2])
def test_the_consistency_gradient_is_that_of_its_loss(dim):
    draws = np.random.default_rng(0)
    weak, strong = (torch.from_numpy(draws.normal(size=(2, 30, 4, 3))) * 3 for _ in range(2))
    weak, strong = (each.transpose(2, 3) if dim == -1 else each for each in (weak, strong))
    strong = strong.contiguous().requires_grad_()
    flat = [each.movedim(dim, -1).reshape(-1, 4) for each in (weak, strong)]
    confidence, label = flat[0].softmax(-1).max(-1)
    counted = confidence >= 0.8
    assert counted.any()
    assert not counted.all()
    (cross_entropy(flat[1], label, reduction="none") * counted).sum().div(30).backward()
    torch.testing.assert_close(consistency_gradient(weak, strong.detach(), 0.8, dim), strong.grad)


def test_nobody_is_pulled_where_nothing_is_sure():
    scores = torch.zeros(1, 5, 3)
    assert not consistency_gradient(
        scores, torch.randn(1, 5, 3, generator=torch.Generator().manual_seed(0)), 0.95
    ).any()


def test_right_labels_teach_and_wrong_ones_do_not(space):
    rows = some(space[1])
    shifted = np.where(np.arange(rows.size) % 5 < 3, (space[1][rows] + 1) % 3, space[1][rows])
    good, bad = train_heads(space[0], [told(rows, space[1][rows]), told(rows, shifted)], QUICK, seeds=SEEDS)
    assert right(good, space).min() > 0.9
    assert right(bad, space).max() < 0.6


def test_what_is_sure_of_itself_is_followed(space):
    """With one label a class, pseudo-labels move the head; with a threshold that nothing reaches they do not."""
    rows = some(space[1], 1)
    sets = [told(rows, space[1][rows])]
    alone, full, never = (
        train_heads(space[0], sets, replace(QUICK, **change), seeds=SEEDS)[0].weights
        for change in ({"consistency_weight": 0.0}, {"threshold": 0.8}, {"threshold": 1.0})
    )
    assert (alone - full).abs().max() > 1e-3
    torch.testing.assert_close(alone, never)


def test_a_set_learns_the_same_beside_others_and_at_another_place(space):
    rows = some(space[1])
    asked, other = told(rows, space[1][rows]), told(rows[:2], np.array([0, 3]), 4)
    (alone,) = train_heads(space[0], [asked], QUICK, seeds=SEEDS)
    _, beside = train_heads(space[0], [other, asked], QUICK, seeds=SEEDS)
    torch.testing.assert_close(alone.weights, beside.weights, rtol=1e-4, atol=1e-5)
    last = LabeledSet(asked.rows[2:], asked.classes[2:], 3)
    (single,) = train_heads(space[0], [last], QUICK, seeds=SEEDS[2:])
    torch.testing.assert_close(alone.weights[2:], single.weights, rtol=1e-4, atol=1e-5)
    (again,) = train_heads(space[0], [asked], QUICK, seeds=SEEDS)
    assert torch.equal(alone.weights, again.weights)


def test_a_class_without_a_label_is_never_predicted(space):
    rows = some(space[1])[:10]  # of the classes 0 and 1
    (heads,) = train_heads(space[0], [told(rows, space[1][rows])], QUICK, seeds=SEEDS)
    assert set(np.unique(predict(heads, space[0]))) == {0, 1}


def test_what_cannot_be_learned_is_refused(space):
    with pytest.raises(InputError, match="numbers of 600 rows"):
        train_heads(space[0], [told(np.array([600]), np.array([0]))], seeds=SEEDS)
    with pytest.raises(InputError, match="give 0 to 2"):
        told(np.array([1]), np.array([3]))
    with pytest.raises(InputError, match="give a number from 0 to 1"):
        FixMatch(threshold=1.5)
    assert train_heads(space[0], [], seeds=SEEDS) == []


# --- labels ------------------------------------------------------------------------------------------


def test_rejected_samples_are_passed_over_and_the_next_take_their_places():
    labeling = np.array([0, 0, 0, 1, 1, 3])
    ranking = ReliabilityRanking(labeling, np.arange(6), np.zeros(6, np.int64), 4, 6, 1)  # best first: 2 1 0, 4 3, 5
    numbers = np.arange(6) + 10
    first = pick(ranking, numbers, 2)
    assert (first.rows.tolist(), first.classes.tolist()) == ([12, 11, 14, 13, 15], [0, 0, 1, 1, 3])
    second = pick(ranking, numbers, 2, {11, 15, 10, 3})
    assert (second.rows.tolist(), second.passed_over.tolist()) == ([12, 14, 13], [11, 10, 15])
    third = pick(ranking, numbers, 1, {11})
    assert (third.rows.tolist(), third.passed_over.tolist()) == ([12, 14, 15], [])
    with pytest.raises(InputError, match="keep at least one"):
        pick(ranking, numbers, 1, set(numbers.tolist()))


def test_true_labels_are_drawn_evenly_and_fewer_are_part_of_more():
    truth = np.repeat([0, 2, 5], [30, 30, 3])
    numbers = np.arange(0, 63, 2)
    few, many = (draw_labels(truth, numbers, n, 0) for n in (1, 10))
    assert np.bincount(truth[many]).tolist() == [10, 0, 10, 0, 0, 2]
    assert set(few.tolist()) <= set(many.tolist()) <= set(numbers.tolist())
    assert draw_labels(truth, numbers, 10, 1).tolist() != many.tolist()
    asked = np.array([3, 9, 0, 9, 9, 1])  # of every class
    assert np.bincount(truth[draw_labels(truth, numbers, asked, 0)], minlength=6).tolist() == [3, 0, 0, 0, 0, 1]


# --- a run -----------------------------------------------------------------------------------------


def found_by(folder, labelings, name="run", **options):
    """A finished run on planted data, whose seeds found these labelings of the truth."""
    store = Store(folder)
    data = save_folder(folder / "datasets" / "planted", **{"noise": 0.35, "size": 100, **options})
    _, _, truth = planted(noise=0.35, size=100)
    run = create(store, data, name, seeds=range(len(labelings(truth))))
    for seed, labeling in enumerate(labelings(truth)):
        prototypes, nothing = np.eye(3, 8, dtype=np.float32), np.zeros(1, np.float32)
        run.write_seed(FinishedSeed(seed, prototypes, nothing, nothing, True), labeling.astype(np.int32), 0.0)
    run.execute(search=False)
    return run


def renamed(truth):
    """Three seeds that found the classes under other numbers, each wrong on some samples of its own."""
    wrong = [np.arange(truth.size) % 20 == seed for seed in range(3)]
    return [np.where(each, truth, (truth + 1) % 3) for each in wrong]


def halves(truth):
    """Three seeds that agree on what is wrong for every second sample."""
    return [np.where(np.arange(truth.size) % 2 == 0, truth, (truth * 7 + np.arange(truth.size)) % 3)] * 3


def trained(run, amounts=(1, 5), **options):
    student = SemiSupervised(Findings(run))
    student.config = QUICK
    student.run(amounts, seeds=SEEDS, **options)
    return student


@pytest.fixture
def run(tmp_path):
    return found_by(tmp_path, renamed)


def test_right_reliable_samples_are_worth_as_much_as_true_labels(run):
    student = trained(run)
    one, five = student.points()
    assert (five.per_class, five.num_labeled, five.correct) == (5, 15, 1.0)
    assert abs(five.reliable.mean - five.true.mean) < 0.05
    assert five.reliable.mean > 0.9
    assert five.reliable_plain.mean > 0.85
    assert one.reliable.n == 3
    assert not student.is_split
    assert "300" not in protocol(student)
    assert "240 rows and evaluated on 60 held out" in protocol(student)


def test_wrong_reliable_samples_are_worth_less(tmp_path):
    # So many neighbours tell no classes apart, and the votes are united: wrong ones are among the first.
    student = SemiSupervised(Findings(found_by(tmp_path, halves)), num_neighbors=299)
    student.config = QUICK
    student.run((20,), seeds=SEEDS)
    (point,) = student.points()
    assert point.correct < 0.9
    assert point.reliable.mean < point.true.mean - 0.05


def test_test_rows_are_kept_apart(tmp_path):
    test_rows = np.arange(300) % 3 == 0
    student = trained(found_by(tmp_path, renamed, test_rows=test_rows), (5,))
    assert "200 train rows and evaluated on 100 test rows" in protocol(student)
    assert not test_rows[student.saved(5).picked.rows].any()
    assert student.saved(5).true.shape == (3, 100)


def test_the_truth_reaches_no_head_from_reliable_samples_and_no_file(run, tmp_path):
    """Another truth, or none, and the same is predicted; files hold predictions, the labels learned are found ones."""
    student = trained(run)
    known = student.saved(5)
    with safe_open(student.cache.folder / "5.safetensors", framework="numpy") as file:
        shapes = {name: file.get_tensor(name).shape for name in file.keys()}  # noqa: SIM118
        classes = file.get_tensor("classes")
    assert shapes == {"rows": (15,), "classes": (15,), "passed_over": (0,), "reliable": (3, 300),
                      "reliable_plain": (3, 300), "true": (3, 60), "true_plain": (3, 60)}  # fmt: skip
    np.testing.assert_array_equal(classes, student.findings.vote.labeling[known.picked.rows])
    truth = run.dataset().labels
    for labels in (np.random.default_rng(0).permutation(truth), None):
        folder = tmp_path / "datasets" / "planted"
        (folder / "labels.npy").unlink()
        if labels is not None:
            np.save(folder / "labels.npy", labels)
        other = trained(Store(tmp_path).open("run")).saved(5)
        np.testing.assert_array_equal(other.reliable, known.reliable)
        np.testing.assert_array_equal(other.reliable_plain, known.reliable_plain)
        np.testing.assert_array_equal(other.picked.rows, known.picked.rows)
        assert (other.true is None) == (labels is None)


def test_without_labels_heads_are_compared_with_the_vote(tmp_path):
    student = trained(found_by(tmp_path, renamed, labels=False))
    one, five = student.points()
    assert {five.correct, five.reliable, five.reliable_plain, five.true, five.true_plain} == {None}
    assert five.agreement.mean > 0.85
    assert student.vote_accuracy is None
    assert worth_of_labels([one, five], None, truth=True) == worth_of_labels([one, five], 0.9, truth=False)
    assert "of the held-out samples; with 5, on" in worth_of_labels([one, five], None, truth=True)


def test_what_was_trained_is_there_later_until_something_changes(run, tmp_path):
    points = trained(run).points()
    again = SemiSupervised(Findings(run))
    again.config = QUICK
    assert again.points() == points
    assert again.cache.numbers() == [1, 5]
    picked = again.saved(5).picked
    assert again.saved(5).is_current({int(np.setdiff1d(np.arange(300), picked.rows)[0])})
    assert not again.saved(5).is_current({int(picked.rows[0])})
    gone = frozenset({int(picked.rows[0])})
    trained(run, rejected=gone)
    assert int(picked.rows[0]) not in again.saved(5).picked.rows
    assert again.saved(5).is_current(gone)
    assert not again.saved(5).is_current(())
    (again.cache.folder / "5.safetensors").write_bytes(b"nothing")
    assert [point.per_class for point in again.points()] == [1]
    assert SemiSupervised(Findings(run), "phi2").points() == []
    assert SemiSupervised(Findings(run), num_neighbors=7).points() == []


def test_labels_that_came_or_changed_ask_for_another_training(tmp_path):
    run = found_by(tmp_path, renamed, labels=False)
    student = trained(run, (1, 5))
    assert student.missing(amounts=(1, 5)) == []
    assert student.missing(amounts=(1, 2, 5)) == [2]
    assert student.missing(amounts=(1, 5), num_seeds=4) == [1, 5]
    gone = {int(np.setdiff1d(student.saved(5).picked.rows, student.saved(1).picked.rows)[0])}
    assert student.missing(gone, (1, 5)) == [5]
    truth = planted(noise=0.35, size=100)[2]
    for labels in (truth, (truth + 1) % 3):
        np.save(tmp_path / "datasets" / "planted" / "labels.npy", labels)
        changed = SemiSupervised(Findings(Store(tmp_path).open("run")))
        changed.config = QUICK
        assert [point.true for point in changed.points()] == [None, None]
        assert changed.missing(amounts=(1, 5)) == [1, 5]
        changed.run(changed.missing(amounts=(1, 5)), seeds=SEEDS)
        assert changed.missing(amounts=(1, 5)) == []
        assert all(point.true.mean > 0.5 for point in changed.points())


def test_stray_and_damaged_files_are_passed_over(run):
    student = trained(run)
    kept = student.saved(5)
    for name in ("10 copy", "٣", "x"):
        (student.cache.folder / f"{name}.safetensors").write_bytes(
            (student.cache.folder / "5.safetensors").read_bytes()
        )
    assert student.cache.numbers() == [1, 5]
    for change in (
        {"reliable": kept.reliable + 3},
        {"reliable_plain": kept.reliable_plain.astype(np.int64) - 3},
        {"reliable": kept.reliable.astype(float)},
        {"reliable": np.array(1)},
        {"picked": replace(kept.picked, classes=kept.picked.classes + 3)},
        {"picked": replace(kept.picked, rows=kept.picked.rows + 300)},
        {"picked": replace(kept.picked, rows=kept.picked.rows[None], classes=kept.picked.classes[None])},
    ):
        trained_heads.save(student.cache, replace(kept, **change), student._truth_digest)
        assert [point.per_class for point in student.points()] == [1]
        assert student.missing(amounts=(1, 5)) == [5]


def test_progress_goes_up_to_the_whole_and_may_end_the_work(run):
    told = []
    student = trained(run, (1,), on_progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0

    def stop(share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        student.run((2,), seeds=SEEDS, on_progress=stop)
    assert student.cache.numbers() == [1]
    with pytest.raises(InputError, match="1 or more"):
        student.run((0,))


def test_the_labels_of_a_classifier_carry_the_readers_names(run):
    student = trained(run, (5,))
    given = review.name_class(run, 1, "jay")
    table = student.label_table(student.saved(5), given)
    assert len(table) == 300
    assert {line[3] for line in table if line[2] == 1} == {"jay"}
    assert np.mean([line[2] for line in table] == Findings(run).vote.labeling) > 0.85


def test_a_run_with_another_number_of_classes_is_trained_too(tmp_path):
    run = found_by(tmp_path, lambda truth: [truth % 2, truth % 2])
    (point,) = trained(run, (5,)).points()
    assert point.num_labeled == 10
    assert point.reliable.mean < 0.75 < point.true.mean


# --- shown -----------------------------------------------------------------------------------------


def test_the_figure_has_both_lines_and_what_they_are_made_of():
    line = ([0.8, 0.9], [0.02, 0.01])
    fig = figures.semi_supervised([1, 25], line, line, plain=([0.7, 0.8], None), correct=[1, 0.9], vote=0.85)
    names = [trace["name"] for trace in json.loads(fig.to_json())["data"] if trace.get("name")]
    assert names == ["from reliable samples", "from random true labels", "from reliable samples, without pseudo-labels",
                     "reliable samples that are right"]  # fmt: skip
    assert fig.layout.xaxis.ticktext == ("1", "25")
    assert len(figures.semi_supervised([1, 25], line, y="as the vote").data) == 2
    with pytest.raises(InputError, match="the same number"):
        figures.semi_supervised([1], line)


def test_the_command_line_prints_both_arms_and_the_paper_apart(run, tmp_path):
    def call(*arguments):
        result = CliRunner(env={"HUME_HOME": str(tmp_path)}).invoke(app, ["train-on-reliable", "run", *arguments])
        return result.exit_code, result.stdout, result.stderr

    csv, labels = tmp_path / "t.csv", tmp_path / "l.csv"
    asked = ("--per-class", "1", "--per-class", "5", "--seeds", "2", "--csv", str(csv), "--labels", str(labels))
    code, out, err = call(*asked)
    assert code == 0, err
    assert "held out at random" in out
    assert "CIFAR-10, 1 a class: on reliable samples 91.2 ± 5.3" in out
    header, *lines = csv.read_text(encoding="utf-8-sig").splitlines()
    assert header.startswith("per_class,num_labeled,correct,reliable,reliable_std")
    assert [line.split(",")[0] for line in lines] == ["1", "5"]
    assert len(labels.read_text(encoding="utf-8-sig").splitlines()) == 301
    files = list((tmp_path / "students").rglob("*.safetensors"))
    made = [path.stat().st_mtime_ns for path in files]
    assert call(*asked)[0] == 0
    assert [path.stat().st_mtime_ns for path in files] == made
    code, out, err = call("--space", "phi3")
    assert (code, out) == (2, "")
    assert "no space 'phi3'" in err


def test_without_labels_the_command_line_prints_nothing_of_the_paper(tmp_path):
    found_by(tmp_path, renamed, labels=False)
    result = CliRunner(env={"HUME_HOME": str(tmp_path)}).invoke(app, ["train-on-reliable", "run", "--per-class", "2"])
    assert result.exit_code == 0
    assert "CIFAR" not in result.stdout
    assert "a classifier agrees with the vote on" in result.stdout
