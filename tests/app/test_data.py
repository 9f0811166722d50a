"""The Data page: what is in a dataset, what its spaces look like, data coming in and going."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from hume.data.folder import DatasetFolder, new_dataset, write_array
from hume.data.importers.images import import_arrays_of_images
from hume.features.pretrain import defaults
from pages._state import services
from tests.support.app_driver import birds, figures, look, markdown, press, quick, rerun, says, tiles, until, words
from tests.support.rules import cases

EVIL = "<img src=x onerror=alert(1)> **b** $x$"


def pictures(size=24):
    return np.random.default_rng(0).integers(0, 256, (size, 12, 12, 3), np.uint8)


@pytest.fixture
def roots(tmp_path, monkeypatch):
    """The one folder that pages may read."""
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    monkeypatch.setenv("HUME_DATA_ROOTS", str(allowed))
    return allowed


@pytest.fixture
def images(home):
    """A dataset of pictures with three classes and no space."""
    return import_arrays_of_images(
        pictures(), home.dataset_roots[0], "pets", labels=np.arange(24) % 3, classes=["cat", "dog", "eel"]
    )


def ended(name):
    jobs = services.services().jobs
    until(lambda: jobs.status(name) is not None and not jobs.status(name).under_way)
    return jobs.status(name)


def field(at, label):
    return next(each for each in at.text_input if each.label == label)


# --- looking ---------------------------------------------------------------------------------------


def test_a_dataset_without_spaces_shows_its_pictures_and_says_what_to_do(images):
    at = look("data", data="pets")
    assert {metric.label: metric.value for metric in at.metric} | {"Rows": "24", "Spaces": "0"} == {
        metric.label: metric.value for metric in at.metric
    }
    assert len(tiles(at, "pictures")) == 24
    assert "No space yet" in " ".join(info.value for info in at.info)
    assert figures(at)["class counts"]["data"][0]["x"] == [8, 8, 8]
    chosen = rerun(at.selectbox(key="class of pets").set_value(1))
    assert sorted(row for row, *_ in tiles(chosen, "pictures")) == list(range(1, 24, 3))


def test_a_space_is_shown_in_numbers_and_its_odd_rows_as_pictures(images):
    features = np.random.default_rng(1).normal(size=(24, 5)).astype(np.float16)
    features[7], features[9] = features[3], 0
    images.add_space("odd", features, {"title": EVIL, "made": EVIL, "kind": "imported", "licence": EVIL})
    at = look("data", data="pets")
    key = "space pets odd"
    (card,) = [each for each in at.expander if "odd" in each.label]
    assert card.proto.expanded is False
    at.session_state[key] = True
    at = rerun(at)
    metrics = {metric.label: metric.value for metric in at.metric}
    assert metrics["Dimensions"] == "5"
    assert metrics["Duplicate rows"] == "1"
    assert metrics["Zero rows"] == "1"
    assert [row for row, *_ in tiles(at, "Equal rows, side by side odd")] == [3, 7]
    assert [row for row, *_ in tiles(at, "Zero rows odd")] == [9]
    assert set(figures(at)) >= {"spectrum odd", "norms odd"}
    assert not [text for text in markdown(at) if re.search(r"(?<!\\)(<img|\*\*b|\$x)", text)]


def test_files_set_aside_are_listed_with_reasons(home, images):
    images.change_card(lambda card: card.update(rows={"given": 26, "used": 24, "set_aside": 2}))
    (images.path / "set_aside.csv").write_text("name,reason\na.png,is cut short\nb.txt,is not an image\n")
    at = look("data", data="pets")
    metrics = {metric.label: metric.value for metric in at.metric}
    assert (metrics["Files given"], metrics["Rows"], metrics["Set aside"]) == ("26", "24", "2")
    table = next(frame.value for frame in at.dataframe if "reason" in frame.value)
    assert table["reason"].tolist() == ["is cut short", "is not an image"]


def test_blind_mode_hides_how_many_each_class_has(images):
    at = look("data", data="pets", blind="true")
    assert "class counts" not in figures(at)
    assert not [each for each in at.selectbox if each.label == "Of class"]
    assert at.button(key="reveal how many each class has").label.startswith("Reveal")


def test_a_dataset_without_images_can_be_looked_at(home):
    birds(home, "nameless", labels=False)
    at = look("data", data="nameless")
    assert "no images" in " ".join(markdown(at))
    assert "This dataset has no images." in " ".join(words(at))


# --- coming in ---------------------------------------------------------------------------------------


def test_a_folder_is_looked_at_before_it_is_added(home, roots):
    for i, pixels in enumerate(pictures(6)):
        (roots / "pets" / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(roots / "pets" / "ab"[i % 2] / f"{i}.png")
    (roots / "pets" / "a" / "broken.png").write_bytes(b"no picture")
    at = look("data")
    at = rerun(field(at, "Path").set_value(str(roots / "pets")))
    assert at.info[0].value.replace("\\", "") == "7 images in 2 classes."
    assert home.dataset_roots[0].exists() is False
    press(at, "add path")
    assert ended("Add pets").result.summary == "6 of 7 given files are in pets; 1 was set aside."
    at = look("data", data="pets")
    assert at.selectbox(key="dataset").value == "pets"
    said = " ".join(each.value for each in at.success)
    assert says(said.replace("\\", ""), "Add pets: 6 of 7 given files are in pets")
    press(at, "dismiss Add pets")
    assert services.services().work.statuses() == []


@pytest.mark.parametrize("path", ["/etc", "{roots}/../outside", "{roots}/link", "/nowhere/at/all", "\0"])
def test_what_lies_outside_the_allowed_folders_is_not_even_looked_at(home, roots, path):
    outside = roots.parent / "outside"
    outside.mkdir()
    (outside / "secret.png").write_bytes(b"x")
    (roots / "link").symlink_to(outside)
    at = look("data")
    at = rerun(field(at, "Path").set_value(path.format(roots=roots)))
    assert len(at.error) == 1
    assert "secret" not in " ".join(words(at))
    assert not [button for button in at.button if button.key == "add path"]


def test_a_name_that_is_no_folder_is_told(home, roots, images):
    np.save(roots / "features.npy", np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32))
    at = look("data")
    at = rerun(field(at, "Path").set_value(str(roots / "features.npy")))
    rerun(field(at, "Name").set_value("../up"))
    at = press(at, "add path")
    assert "cannot be named" in at.error[0].value
    assert services.services().work.statuses() == []


@cases("name", ["../../etc", "/etc", "a b", "https://x.y/z"])
def test_a_name_on_the_hub_is_never_a_path(home, name):
    at = look("data", ways_in="Public dataset")
    at = rerun(at.selectbox(key="named").set_value("another one of the Hugging Face hub …"))
    at = rerun(at.text_input(key="hub name").set_value(name))
    assert at.button(key="add hub").disabled


# --- spaces ------------------------------------------------------------------------------------------


def test_spaces_are_derived_and_deleted_and_the_search_can_have_them(home, images):
    rng = np.random.default_rng(2)
    for name in ("one", "two"):
        images.add_space(name, rng.normal(size=(24, 6)).astype(np.float16), {"kind": "imported"})
    at = look("data", data="pets", space_by="Combine or reduce")
    at = rerun(at.multiselect(key="parents pets").set_value(["one", "two"]))
    at = rerun(at.checkbox(key="derive unit").check())
    press(at, "derive")
    until(lambda: not services.services().work.is_busy(images))
    (status,) = services.services().work.statuses()
    assert status.state == "finished", status.message
    names = DatasetFolder(images.path).space_names()
    (made,) = set(names) - {"one", "two"}
    assert images.load().space(made).features.shape == (24, 12)
    assert "pets" in look("search").selectbox(key="dataset").options


@pytest.mark.parametrize("key", ["weights", "network name"])
def test_weights_outside_the_allowed_folders_are_not_opened(home, images, roots, key):
    at = look("data", data="pets")
    if key == "weights":
        at = rerun(at.text_input(key=key).set_value("/etc/passwd"))
    else:
        at = rerun(at.selectbox(key="network").set_value("another one …"))
        at = rerun(at.text_input(key=key).set_value("transformers:/etc"))
    at = press(at, "extract")
    assert "is outside the folders that may be read" in " ".join(each.value for each in at.error)
    assert services.services().work.statuses() == []


def test_what_a_run_needs_cannot_be_deleted_and_the_rest_asks_once(home):
    quick(home, birds(home), "found")
    at = look("data", data="birds")
    assert not [button for button in at.button if button.key == "delete dataset"]
    assert "Used by 1 run (found)" in " ".join(markdown(at)).replace("\\", "")
    birds(home, "spare")
    press(look("data", data="spare"), "delete dataset")
    assert not (home.dataset_roots[0] / "spare").exists()
    assert look("data", data="spare").selectbox(key="dataset").value == "fashion-mnist"


def test_an_embedded_dataset_is_copied_first(home):
    at = look("data", data="digits")
    assert not [button for button in at.button if button.key in ("train", "extract", "delete dataset")]
    at = press(at, "copy")
    assert at.selectbox(key="dataset").value == "digits-2"
    assert json.loads((home.dataset_roots[0] / "digits-2" / "card.json").read_text())["name"]


def test_a_training_says_how_long_it_takes_and_a_long_one_gives_way_to_a_shorter(home, images, monkeypatch):
    paces = services.services().space_paces
    config = defaults(images, "cpu")

    def known(at):
        until(lambda: not paces.training(images, config, "cpu")[1])
        return rerun(at)

    at = known(look("data", data="pets", space_by="Self-supervised training"))
    assert at.radio(key="way pets simclr small").value == "full"
    assert at.number_input(key="epochs pets simclr").value == config.epochs == 200
    texts = [text.replace("\\", "") for text in words(at)]
    assert any(re.match(r"\*\*About [\d.]+ (s|min|h)\*\* on cpu", text) for text in texts)
    assert any(re.fullmatch(r"12 pixels, 80 epochs: about [\d.]+ (s|min|h)", text) for text in texts)
    monkeypatch.setattr("hume.features.space_pace.LONG", 0.0)
    at = known(look("data", data="pets", space_by="Self-supervised training"))
    assert at.radio(key="way pets simclr small").value == "short"
    assert at.number_input(key="epochs pets simclr short").value == 80
    at = rerun(at.radio(key="way pets simclr small").set_value("full"))
    assert rerun(at).radio(key="way pets simclr small").value == "full"


def test_one_button_makes_what_is_missing_of_the_two_spaces(home, images):
    at = look("data", data="pets")
    assert at.button(key="make both").label == "Make both spaces"
    press(at, "make both")
    jobs = services.services().jobs
    names = [status.name for status in services.services().work.statuses()]
    assert sorted(names) == ["pets: SimCLR (small residual network)", "pets: efficientnet-lite0 at 96 pixels"]
    at = rerun(at)
    assert [name for name in names if f"cancel quick {name}" in [button.key for button in at.button]]
    assert "make both" not in [button.key for button in at.button]  # while they are made
    for name in names:
        jobs.cancel(name)
        ended(name)
    rng = np.random.default_rng(1)
    images.add_space("two", rng.normal(size=(24, 5)).astype(np.float16), {"kind": "pretrained"})
    assert look("data", data="pets").button(key="make both").label == "Make φ1"
    images.add_space("one", rng.normal(size=(24, 5)).astype(np.float16), {"kind": "imported"})
    assert "make both" not in [button.key for button in look("data", data="pets").button]


def test_an_unfinished_training_is_offered_again(home, images):
    at = look("data", data="pets", space_by="Self-supervised training")
    at = rerun(at.number_input(key="epochs pets simclr").set_value(5000))
    press(at, "train")
    work = services.services().work
    name = next(status.name for status in work.statuses())
    until(lambda: len(work.live(name)) > 1)
    at = look("data", data="pets")
    assert f"loss {name}" in figures(at)
    services.services().jobs.cancel(name)
    assert ended(name).state == "cancelled"
    at = look("data", data="pets")
    assert says(" ".join(each.value for each in at.warning).replace("\\", ""), "Unfinished: SimCLR", "of the training")
    (resume,) = [button for button in at.button if (button.key or "").startswith("resume ")]
    rerun(resume.click())
    until(lambda: work.jobs.status(name).state == "working")
    services.services().jobs.cancel(name)
    ended(name)
    at = look("data", data="pets")
    (drop,) = [button for button in at.button if (button.key or "").startswith("discard ")]
    at = rerun(drop.click())
    assert not [button for button in at.button if (button.key or "").startswith("resume ")]


def test_a_new_space_is_seen_by_a_tab_that_was_open(home, images):
    at = look("data", data="pets")
    images.add_space("late", np.random.default_rng(0).normal(size=(24, 3)).astype(np.float16), {})
    assert [each.label for each in rerun(at).expander if "late" in each.label]


def test_a_damaged_dataset_is_told_in_a_sentence(home):
    with new_dataset(home.dataset_roots[0], "torn") as made:
        write_array(made.path / "images.npy", pictures())
    (made.path / "card.json").write_text("{")
    at = look("data", data="torn")
    assert "cannot be read" in at.error[0].value
