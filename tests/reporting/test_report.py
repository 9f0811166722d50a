"""The report: one file that needs nothing but itself, shows what was found, and tells no truth it should keep."""

import base64
import hashlib
import html
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from hume.common.errors import RunError
from hume.evaluation.metrics import Correlation
from hume.exchange.author_runs import export_run, import_tasks
from hume.reporting import sentences
from hume.reporting.document import document, escaped, figure, table
from hume.reporting.figures import class_sizes
from hume.reporting.report import report
from hume.runs import review
from hume.runs.findings import Findings
from hume.runs.store import Store
from tests.support.planted_runs import create, save_files, save_folder
from tests.support.rules import cases

SIZE, CLASSES = 240, 3
NAMES = ["Waldkauz", "Zaunkönig", "Eichelhäher"]
EVIL = "<img src=x onerror=alert(1)>"
ENDING = "</script><script>alert(1)</script>"
BLURRED = {"noise": 0.45}
VOID = {"meta", "img", "link", "input", "br", "hr"}
MEGABYTES = 1_000_000


class Page(HTMLParser):
    """What a browser makes of a page: elements with their attributes, text by element, data of the figures."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.scripts, self.data, self.text, self._open = [], [], [], "", []
        self.feed(text)
        self.close()
        assert not self._open, "every element that is opened is closed"

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self._open.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self._open.pop()[0] == tag

    def handle_data(self, data):
        tag, attributes = self._open[-1] if self._open else ("", {})
        if tag == "script":
            (self.data if attributes.get("type") == "application/json" else self.scripts).append(data)
        elif tag != "style":
            self.text += data + (" " if tag != "bdi" else "")

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def figures(self):
        return [json.loads(each) for each in self.data]


def words(text):
    return " ".join(Page(text).text.replace("\u00a0", " ").split())


def with_images(folder, images):
    np.savez(folder / "images.npz", images=images)


def add_to_card(folder, **more):
    path = folder / "card.json"
    card = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps({**card, **more}), encoding="utf-8")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def birds(store):
    """A run with ground truth, a card and grey images whose pixels tell the row."""
    folder = store.home / "datasets" / "birds"
    save_folder(folder, names=NAMES, files=[f"{NAMES[row % 3]}/{row}.jpg" for row in range(SIZE)], **BLURRED)
    with_images(folder, np.random.default_rng(0).integers(0, 256, (SIZE, 9, 12), dtype=np.uint8))
    space = {"title": "A network", "made": "From eggs.", "licence": "ISC", "kind": "pretrained"}
    add_to_card(
        folder, name="Birds", source="A wood", licence="CC0", summary="Birds of a wood.", spaces={"phi1": space}
    )
    run = create(store, store.load_dataset("birds"), "birds", seeds=(7, 2, 5, 0, 3))
    run.execute()
    return run


@pytest.fixture(scope="module")
def page(birds):
    return report(Findings(birds))


@pytest.fixture(scope="module")
def plain(store):
    """A run without ground truth, images or card."""
    run = create(store, save_files(store.home / "plain", labels=False, **BLURRED), "plain")
    run.execute()
    return run


# --- it needs nothing but itself -----------------------------------------------------------------


def test_nothing_is_loaded_from_anywhere(page):
    found = Page(page)
    assert not found.all("link")
    assert not found.all("iframe")
    assert all("src" not in script for script in found.all("script"))
    assert {image["src"].partition(",")[0] for image in found.all("img")} == {"data:image/webp;base64"}
    assert [link["href"] for link in found.all("a")] == ["https://arxiv.org/abs/2311.02940"]
    styles = re.search(r"<style>(.*?)</style>", page, re.DOTALL).group(1)
    assert "url(" not in styles
    assert "@import" not in styles


def test_only_the_scripts_that_are_written_here_may_run(page):
    found = Page(page)
    [policy] = [each["content"] for each in found.all("meta") if each.get("http-equiv") == "Content-Security-Policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in found.scripts]
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert rules["script-src"] == " ".join(f"'sha256-{digest}'" for digest in digests)
    assert len(digests) == 2
    assert "Plotly" in found.scripts[0]
    assert not [name for _, attributes in found.elements for name in attributes if name.startswith("on")]
    assert page.index("Content-Security-Policy") < page.index("<title>")


def test_it_is_small_enough_to_hand_out(page):
    assert len(page.encode()) < 7 * MEGABYTES
    assert len(page.split("<script>")[0].encode()) < MEGABYTES


def test_the_same_run_gives_the_same_file(birds, page):
    assert report(Findings(birds)) == page


# --- what it shows -------------------------------------------------------------------------------


def test_it_says_what_was_asked_and_found(birds, page):
    found, text = Findings(birds), words(page)
    assert "<title>Birds, labeled without labels</title>" in page
    for said in ("Run birds", "240 images", "Birds of a wood.", "A network", "From eggs.", "ISC", "A wood", "CC0"):
        assert said in text
    assert "5: 0, 2 to 3, 5, 7" in text
    assert f"agree with the true labels {100 * found.vote_agreement.acc:.1f} %" in text
    assert sentences.trust(found, truth=True).replace("\u00a0", " ") in text
    assert sentences.voters(found, truth=True).replace("\u00a0", " ") in text
    for said in ("temperature γ 0.1", "entropy_weight η 10", "hume-explorer", "Gadetsky", "arXiv:2311.02940"):
        assert said in text


def test_every_seed_has_its_line(birds, page):
    found, text = Findings(birds), words(page)
    for place, i in enumerate(found.statistics.order, start=1):
        score, right = f"{100 * found.statistics.cv_score[i]:.2f} %", f"{100 * found.statistics.accuracy[i]:.1f} %"
        assert re.search(rf"\b{place} {found.seeds[i]} {re.escape(score)} \S+ {re.escape(right)} ", text)


def test_pictures_are_those_of_the_most_reliable_samples(birds, page):
    found = Findings(birds)
    images = found.dataset.images
    samples, _ = found.reliable_samples(found.ranking(), 25)
    shown = [(image["alt"], image["src"]) for image in Page(page).all("img")]
    best = [row for k in range(CLASSES) for row in samples.rows[samples.classes == k][:12]]
    assert [int(re.search(r"image (\d+)", alt).group(1)) for alt, _ in shown] == [*best, *samples.rows]
    for row, (_, source) in zip(best, shown, strict=False):
        decoded = Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))).convert("L")
        np.testing.assert_array_equal(np.asarray(decoded), images[row])


def test_wrong_labels_are_marked(birds, page):
    found = Findings(birds)
    assert not found.right.all()
    for image in Page(page).all("img"):
        wrong = not found.right[int(re.search(r"image (\d+)", image["alt"]).group(1))]
        assert ("differs" in image["alt"]) == wrong
        assert (image.get("class") == "wrong") == wrong


def test_classes_have_numbers_until_they_are_named(birds, page):
    for k in range(CLASSES):
        assert f"Class {k}" in words(page)
    try:
        review.name_class(birds, 1, "Käuze")
        named = words(report(Findings(birds)))
    finally:
        review.undo(birds)
    assert "Käuze" in named
    assert "Class 1" not in named
    assert "Class 0" in named


def test_rejected_samples_are_not_shown_but_counted(birds, page):
    row = int(re.search(r"image (\d+)", Page(page).all("img")[0]["alt"]).group(1))
    try:
        review.reject(birds, row)
        found = Page(report(Findings(birds)))
    finally:
        review.undo(birds)
    assert not [image for image in found.all("img") if image["alt"].startswith(f"image {row},")]
    assert not [image for image in found.all("img") if image["alt"] == f"image {row}"]
    assert "1 of them is rejected by hand" in found.text


def test_figures_hold_the_numbers_of_the_run(birds, page):
    found = Findings(birds)
    trust, vote, confusion = Page(page).figures
    drawn = [each for each in trust["data"] if each.get("name") == "converged"]
    assert len(drawn) == 1
    assert "vote: ACC" in [trace.get("name") for trace in vote["data"]]
    assert confusion["data"][0]["x"] == NAMES
    assert confusion["data"][0]["y"] == [f"Class {k}" for k in range(found.num_classes)]


def test_without_images_samples_have_numbers(plain):
    found = Page(report(Findings(plain)))
    assert not found.all("img")
    cards = [span for span in found.all("span") if span.get("class") == "card"]
    assert len(cards) == CLASSES * (12 + 25)
    assert all(re.fullmatch(r"sample \d+", card["aria-label"]) for card in cards)
    assert "Source: not recorded. Licence: not recorded." in found.text


def test_short_and_empty_classes_are_named(store):
    dataset = save_files(store.home / "small", size=12, noise=0.2)
    run = create(store, dataset, "small", num_classes=6, seeds=range(2), entropy_weight=0.0)
    run.execute()
    found = Findings(run)
    sizes = np.bincount(found.vote.labeling, minlength=6)
    assert (sizes == 0).any()
    text = words(report(found))
    for k, size in enumerate(sizes):
        expected = f"Class {k} is empty" if size == 0 else f"Class {k} has only {size} sample"
        assert (expected in text) == (size < 25)


def test_of_very_many_classes_the_first_are_pictured(birds, monkeypatch):
    monkeypatch.setattr("hume.reporting.report.pictures.PICTURED", 2)
    found = Page(report(Findings(birds)))
    assert len(found.all("img")) == 2 * (12 + 25)
    assert found.text.count("Only the first 2 classes are shown.") == 2
    assert len(found.all("article")) == 4


def test_an_imported_run_does_not_invent_hyperparameters(birds, store, tmp_path):
    export_run(birds, tmp_path / "tasks")
    dataset = store.load_dataset("birds")
    back = import_tasks(store, tmp_path / "tasks", dataset, phi1="phi1", phi2="phi2", name="imported")
    text = words(report(Findings(back)))
    assert "imported from the authors' layout" in text
    assert "temperature" not in text


def test_a_run_that_is_not_finished_has_no_report(store, plain):
    with pytest.raises(RunError, match="resume it"):
        report(Findings(create(store, plain.dataset(), "unfinished")))


# --- readers: paper, dark screens, screen readers ------------------------------------------------


def test_every_picture_figure_and_table_says_what_it_is(page):
    found = Page(page)
    assert all(image["alt"] for image in found.all("img"))
    plots = [place for place in found.all("div") if place.get("class") == "plot"]
    assert len(plots) == 3
    assert all(place["role"] == "img" and place["aria-label"] for place in plots)
    assert len(found.all("table")) == len(found.all("caption")) == 8
    levels = [int(tag[1]) for tag, _ in found.elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(cell.get("scope") for cell in found.all("th"))
    assert found.all("html")[0]["lang"] == "en-GB"
    assert not [attributes for _, attributes in found.elements if "title" in attributes], (
        "nothing is told on hover only"
    )


def test_styles_know_dark_screens_and_paper(page):
    assert "@media screen and (prefers-color-scheme: dark)" in page
    assert "@media print" in page
    assert "break-inside: avoid" in page
    assert "beforeprint" in page


# --- nothing of the truth when it is not asked for -------------------------------------------------


def test_a_blind_report_knows_no_true_class_and_no_accuracy(birds):
    page = report(Findings(birds), show_truth=False)
    own = page.split("<script>")[0]
    for name in NAMES:
        assert name not in own
        assert json.dumps(name)[1:-1] not in own
        assert html.escape(name) not in own
    for word in (
        "ACC",
        "ARI",
        "accuracy",
        "are right",
        " · matched to",
        "otherwise",
        "differs",
        "true class",
        "wrong",
        "People's",
        "Balance",
    ):
        assert word not in words(page), word
    assert 'class="wrong"' not in own


def test_a_blind_report_is_that_of_a_run_without_ground_truth(store):
    """Byte for byte: so nothing of the truth can have come in by any way."""
    folder = store.home / "datasets" / "hidden"
    save_folder(folder, names=NAMES, **BLURRED)
    run = create(store, store.load_dataset("hidden"), "hidden")
    run.execute()
    blind = report(Findings(run), show_truth=False)
    (folder / "labels.npy").unlink()
    (folder / "card.json").unlink()
    scores = run.folder / "scores.json"
    nothing = {"acc": None, "ari": None, "nmi": None}
    empty = {"vote": nothing, "correlation": dict.fromkeys(("r", "p", "low", "high", "n")), **nothing}
    scores.write_text(json.dumps({**run.scores(), **empty}), encoding="utf-8")
    without = Findings(store.open("hidden"))
    assert report(without, show_truth=False) == blind
    assert report(without) == blind


def test_no_path_of_this_machine_is_told(birds, plain, store):
    for run in (birds, plain):
        assert str(store.home) not in report(Findings(run))


# --- typed names stay text -------------------------------------------------------------------------


@cases("name", [EVIL, ENDING, "<!--<script>", "\"' & %{x} $a$", "طيور"])
def test_a_name_is_shown_as_it_was_typed(birds, name):
    try:
        review.name_class(birds, 0, name)
        page = report(Findings(birds))
    finally:
        review.undo(birds)
    found = Page(page)
    assert name in found.text
    assert len(found.scripts) == 2
    assert len(found.data) == 3
    assert name not in page.split("<style>")[1] or "<" not in name
    assert all(image["src"].startswith("data:") for image in found.all("img"))


@cases("text", [EVIL, ENDING, "half \ud800 of a character"])
def test_what_a_card_says_is_shown_as_it_is_written(store, text, tmp_path):
    folder = tmp_path / "data"
    save_folder(folder, names=[text, "b", "c"])
    add_to_card(
        folder, name=text, source=text, licence=text, summary=text, spaces={"phi1": {"title": text, "made": text}}
    )
    name = f"card-{len(text)}"
    run = create(store, store.load_dataset(folder), name, seeds=range(2))
    run.execute()
    page = report(Findings(run))
    page.encode()
    found = Page(page)
    shown = text.encode("utf-8", "replace").decode()
    assert found.text.count(shown) >= 6
    assert len(found.scripts) == 2
    assert len(found.figures) == 3
    assert all(image["src"].startswith("data:") for image in found.all("img"))


def test_a_figure_cannot_end_its_data():
    drawn = figure("sizes", class_sizes([1, 2], [ENDING, "b"]).update_layout(title=ENDING), alt=EVIL, caption=ENDING)
    found = Page(drawn)
    assert not found.scripts
    assert found.figures[0]["layout"]["title"]["text"] == ENDING
    assert found.all("div")[0]["aria-label"] == EVIL


def test_a_table_holds_any_text():
    found = Page(table(EVIL, [EVIL, "b"], [(ENDING, EVIL), (1, None)]))
    assert not found.all("img")
    assert found.text.count(EVIL) == 3
    with pytest.raises(ValueError, match="zip"):
        table("", ["a"], [(1, 2)])


def test_a_title_is_text_too():
    assert "<title>&lt;/title&gt;&lt;script&gt;</title>" in document("</title><script>", "")
    assert escaped("\udcff") == "?"


# --- sentences -----------------------------------------------------------------------------------


def test_sentences_tell_the_numbers(birds):
    found = Findings(birds)
    curve = found.top_n
    told = sentences.voters(found, truth=True)
    assert f"{100 * curve.acc[-1]:.1f}\u00a0%" in told
    assert f"{100 * curve.acc[0]:.1f}\u00a0%" in told
    blind = sentences.voters(found, truth=False)
    assert f"{100 * curve.consistency[0]:.1f}\u00a0%" in blind
    n = int(re.search(r"from (\d+) seed", blind).group(1))
    assert (curve.consistency[n - 1 :] >= 0.95).all()
    assert n == 1 or curve.consistency[n - 2] < 0.95


@cases(
    ("r", "low", "high", "expected"),
    [
        (0.8, 0.5, 0.9, "are more accurate"),
        (-0.8, -0.9, -0.5, "are less accurate"),
        (0.3, -0.2, 0.7, "seeds do not tell"),
    ],
)
def test_what_an_interval_leaves_open_is_not_claimed(birds, r, low, high, expected):
    found = Findings(birds)
    found.values["correlation"] = vars(Correlation(r=r, p=0.01, low=low, high=high, n=5))
    told = sentences.trust(found, truth=True)
    assert expected in told
    assert f"r = {r:.2f}".replace("-", "−") in told
    assert expected not in sentences.trust(found, truth=False)


def test_too_few_seeds_are_called_so(birds, store):
    run = create(store, birds.dataset(), "single", seeds=(4,))
    run.execute()
    found = Findings(run)
    assert "not enough different seeds" in sentences.trust(found, truth=True)
    assert "no second seed" in sentences.trust(found, truth=False)
    assert sentences.voters(found, truth=True) == "This run has one seed: there is nothing to vote on."


def test_a_seed_far_below_the_others_is_told_apart(birds):
    found = Findings(birds)
    found.statistics.__dict__["failed"] = np.array([True, False, False, False, False])
    rest = Correlation(r=0.9, p=0.01, low=0.4, high=1.0, n=4)
    found.statistics.__dict__["main_correlation"] = rest
    assert "a higher score means a higher accuracy" in sentences.trust(found, truth=True)
    found.statistics.__dict__["main_correlation"] = replace(rest, low=-0.1)
    assert "hardly ranks them" in sentences.trust(found, truth=True)


def test_doubt_counts_the_samples_that_all_agree_on(birds):
    found = Findings(birds)
    united = found.vote.share == 1
    told = sentences.doubt(found, truth=False)
    assert f"put {100 * united.mean():.1f}\u00a0% of the samples" in told
    assert "right" not in told
    if united.any() and (found.vote.share < 0.5).any():
        assert f"{100 * found.right[united].mean():.1f}\u00a0%" in sentences.doubt(found, truth=True)
