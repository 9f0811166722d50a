"""A dataset's folder: made whole or not at all, its card changed by one at a time, spaces that come and go."""

import json
import threading

import numpy as np
import pytest

from hume import Store, load_dataset
from hume.common.errors import InputError, RunError
from hume.data.folder import DatasetFolder, free_name, new_dataset, write_array
from hume.runs.dataset_library import copy_dataset, delete_dataset, delete_space, own_dataset, own_datasets, runs_using
from tests.support.planted_runs import create, save_folder
from tests.support.rules import cases


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (6, 8, 8), np.uint8)


@pytest.fixture
def folder(tmp_path, images):
    with new_dataset(tmp_path / "datasets", "birds") as made:
        write_array(made.path / "images.npy", images)
    return made


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "home")


def test_a_dataset_waits_for_its_first_space(folder, images):
    data = folder.load()
    assert data.num_samples == len(images)
    assert data.spaces == {}
    with pytest.raises(InputError, match="no spaces yet"):
        _ = data.default_pair


def test_a_failing_block_leaves_nothing(tmp_path):
    def fail():
        with new_dataset(tmp_path, "birds") as made:
            write_array(made.path / "images.npy", np.zeros((2, 2, 2), np.uint8))
            assert load_dataset(made.path).num_samples == 2
            raise KeyError(made.name)

    with pytest.raises(KeyError, match=r"part"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_taken_gets_a_number(tmp_path, folder, images):
    for wanted, got in (("birds", "birds-2"), ("BIRDS", "BIRDS-3"), ("digits", "digits-2")):
        with new_dataset(folder.path.parent, wanted) as made:
            write_array(made.path / "images.npy", images)
        assert made.name == got, "the embedded names stay theirs, and case does not tell two folders apart"


@cases("name", ["", "..", "a/b", ".hidden", "x" * 81, "a\nb"])
def test_a_name_that_is_no_folder_is_refused(tmp_path, name):
    with pytest.raises(InputError, match="cannot be named"), new_dataset(tmp_path, name):
        pass
    assert list(tmp_path.iterdir()) == []


def test_free_names_can_be_files_everywhere():
    assert free_name("my pets (2)", [], "x") == "my-pets-2"
    assert free_name("../..", [], "dataset") == "dataset"
    assert free_name("a", ["A", "a-2"], "x") == "a-3"


def test_spaces_come_and_go_with_their_cards(folder):
    features = np.random.default_rng(1).normal(size=(6, 3)).astype(np.float16)
    folder.add_space("first", features, {"kind": "pretrained", "title": "First", "key": "k1"})
    place = folder.work / "made.npy"
    write_array(place, features * 2)
    folder.add_space("second", place, {"kind": "self-supervised", "key": "k2"})
    assert not place.exists()
    data = folder.load()
    assert np.array_equal(data.space("second").features, features * 2)
    assert data.space("first").title == "First"
    assert data.default_pair == ("second", "first"), "φ1 is the self-supervised one"
    assert folder.space_with_key("k2") == "second"
    assert folder.space_with_key("k3") is None
    with pytest.raises(InputError, match="already"):
        folder.add_space("first", features, {})
    folder.drop_space("first")
    assert folder.space_names() == ["second"]
    assert set(folder.card()["spaces"]) == {"second"}
    with pytest.raises(InputError, match="has no space 'first'"):
        folder.drop_space("first")


def test_two_who_change_the_card_at_once_both_do(folder):
    def change(i):
        DatasetFolder(folder.path).change_card(lambda card: card.setdefault("seen", []).append(i))

    threads = [threading.Thread(target=change, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(json.loads((folder.path / "card.json").read_text())["seen"]) == list(range(8))


def test_the_same_images_have_the_same_digest(folder, tmp_path, images):
    with new_dataset(tmp_path / "others", "again") as same:
        write_array(same.path / "images.npy", images)
    with new_dataset(tmp_path / "others", "turned") as turned:
        write_array(turned.path / "images.npy", images[::-1])
    assert same.digest == folder.digest != turned.digest


# --- the datasets of a home ------------------------------------------------------------------------


def test_a_dataset_that_runs_need_stays(store):
    data = save_folder(store.home / "datasets" / "birds", classes=4, size=20)
    own = own_dataset(store, "birds")
    run = create(store, data, "found", num_classes=4, seeds=range(2))
    assert runs_using(store, own) == runs_using(store, own, run.request.phi1) == ["found"]
    for act in (lambda: delete_dataset(store, own), lambda: delete_space(store, own, run.request.phi2)):
        with pytest.raises(RunError, match="is needed by found: delete these runs first"):
            act()
    store.delete("found")
    with pytest.raises(RunError, match=r"needed by found \(in the trash\)"):
        delete_dataset(store, own)
    store.empty_trash()
    delete_space(store, own, run.request.phi2)
    delete_dataset(store, own)
    assert own_datasets(store) == []


def test_what_came_with_the_project_is_copied_before_it_is_changed(store):
    with pytest.raises(InputError, match="is an embedded dataset and cannot be changed"):
        own_dataset(store, "digits")
    with pytest.raises(InputError, match="no dataset 'nowhere' in this home"):
        own_dataset(store, "nowhere")
    made = copy_dataset(store, "digits")
    assert made.name == "digits-2"
    assert [folder.name for folder in own_datasets(store)] == ["digits-2"]
    ours, theirs = made.load(), load_dataset("digits")
    assert np.array_equal(ours.images, theirs.images)
    assert set(ours.spaces) == set(theirs.spaces)
    assert store.load_dataset("digits").folder == theirs.folder
