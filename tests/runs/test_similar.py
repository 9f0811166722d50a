"""Samples like one of the set, like a new picture and like words; names that words propose."""

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from torch.nn.functional import normalize

from hume import Store
from hume.common.errors import InputError
from hume.features.again import embedded_words, with_captions
from hume.features.backbones import load_backbone
from hume.reporting import similar_sentences
from hume.runs import review
from hume.runs.findings import Findings
from hume.runs.review_state import Review
from hume.runs.similar import Proposals, like_row, table
from hume.runs.similar_new import like_features, like_picture, like_words, propose_names
from tests.support import torchvision_here  # noqa: F401
from tests.support.app_driver import given
from tests.support.planted_runs import save_files, save_folder
from tests.support.tiny_clip import picture_files, run_in_clip, tiny_clip


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return tiny_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return picture_files(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def found(tmp_path_factory, clip, digits):
    """A run on pictures of digits in two spaces of a small CLIP with random weights."""
    return Findings(run_in_clip(Store(tmp_path_factory.mktemp("home")), digits, clip))


@pytest.mark.parametrize("where", ["both", "phi1", "phi2"])
def test_a_picture_of_the_set_as_a_new_file_finds_itself_and_then_what_its_row_finds(found, digits, where):
    near = like_picture(found, digits / "007.png", where, 8)
    assert near.rows[0] == 7
    assert near.distances[:, 0] == pytest.approx(0, abs=1e-3)
    known = like_row(found, 7, where, 7)
    assert near.distances[:, 1:] == pytest.approx(known.distances, abs=2e-3)
    # Random weights leave samples nearly tied, so that rounding may exchange them.
    assert set(near.rows[1:].tolist()) <= set(like_row(found, 7, where, 14).rows.tolist())


def test_features_find_what_their_row_finds(found):
    rows = [found.dataset.space(name).features[11].astype(np.float32) for name in ("phi1", "phi2")]
    assert like_features(found, *rows, 6).rows[1:].tolist() == like_row(found, 11, "both", 5).rows.tolist()
    assert like_features(found, None, rows[1], 6).rows[1:].tolist() == like_row(found, 11, "phi2", 5).rows.tolist()


def test_words_are_compared_as_clip_compares_them(found, clip):
    assert with_captions(found.dataset) == ["phi1", "phi2"]
    tokens = open_clip.get_tokenizer(clip[0].split(":")[1])(["a round zero", "a photo of a a round zero."])
    with torch.inference_mode():
        text = normalize(normalize(clip[2].encode_text(tokens)).sum(0, keepdim=True)).numpy()[0]
    np.testing.assert_allclose(embedded_words(found.dataset, "phi2", ["a round zero"])[0], text, atol=1e-5)
    rows = found.dataset.space("phi2").features.astype(np.float32)
    cosines = rows @ text / np.linalg.norm(rows, axis=1)
    near = like_words(found, "  a round \n zero ", 10)
    np.testing.assert_allclose(1 - near.distances[0], np.sort(cosines)[::-1][:10], atol=1e-5)


def test_names_are_proposed_by_what_a_class_has_beyond_all_samples(found):
    words = ["zero", "one", "two", "zero", ""]
    proposed = propose_names(found, words)
    assert (proposed.words, proposed.classes) == (["zero", "one", "two"], [0, 1, 2])
    rows = found.dataset.space("phi2").features.astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    vectors = embedded_words(found.dataset, "phi2", ["zero", "one", "two"])
    means = np.stack([rows[found.vote.labeling == k].mean(0) for k in range(3)]) - rows.mean(0)
    np.testing.assert_allclose(proposed.fit, means @ vectors.T, atol=1e-5)
    assert proposed.best(1) == {k: [proposed.words[i]] for k, i in enumerate(proposed.fit.argmax(1))}
    assert similar_sentences.proposals(proposed).startswith("3 words compared with 3 classes")
    assert review.read(found.run).names == {}  # a proposal names nothing


def test_a_word_that_is_near_to_everything_is_no_name():
    fit = np.array([[0.3, 0.1], [0.1, 0.3]])
    assert Proposals([4, 7], ["a", "b"], fit).best() == {4: ["a", "b"], 7: ["b", "a"]}


def test_the_table_has_a_distance_for_every_space(found):
    near = like_row(found, 3, "both", 2)
    header, lines = table(found, near, Review(names={0: "zero"}), found.dataset.file_names)
    assert header[-2:] == ["distance_phi1", "distance_phi2"]
    assert [line[:2] for line in lines] == [[row, f"{row:03d}.png"] for row in near.rows]
    assert table(found, like_row(found, 3, "phi1", 2), Review(), None)[0][-1] == "distance"


# --- bad input -----------------------------------------------------------------------------------


def test_what_is_no_picture_is_refused_by_its_name(found, tmp_path):
    for content in (b"", b"not a picture", b"\x89PNG\r\n\x1a\n torn"):
        (tmp_path / "upload").write_bytes(content)
        with pytest.raises(InputError, match=r"mine\.png .*: choose another picture"):
            like_picture(found, tmp_path / "upload", name="mine.png")


def test_rows_and_spaces_that_there_are_not_are_refused(found):
    with pytest.raises(InputError, match="no sample 60: choose 0 to 59"):
        like_row(found, 60)
    with pytest.raises(InputError, match="no space 'phi3'"):
        like_row(found, 0, "phi3")
    with pytest.raises(InputError, match="give 24"):
        like_features(found, np.zeros(3, np.float32), None)
    with pytest.raises(InputError, match="no words"):
        like_words(found, " ")
    with pytest.raises(InputError, match="0 words"):
        propose_names(found, ["", " "])


def test_words_need_a_space_of_captions_and_pictures_a_network(tmp_path):
    store = Store(tmp_path)
    dataset = save_folder(tmp_path / "datasets" / "birds", size=20)
    without = Findings(given(store, dataset, "run", [dataset.labels] * 2, num_classes=3))
    with pytest.raises(InputError, match="no space of birds comes from a network that was trained on captions"):
        like_words(without, "owl")
    with pytest.raises(InputError, match="words have no place in the space phi1"):
        embedded_words(dataset, "phi1", ["owl"])
    Image.new("L", (9, 9)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="phi1 of birds cannot be computed for new pictures"):
        like_picture(without, tmp_path / "a.png")
    files = save_files(tmp_path / "files", labels=False)
    on_files = Findings(given(store, files, "files", [dataset.labels[:1].repeat(240)] * 2, num_classes=3))
    with pytest.raises(InputError, match="has no place in its spaces"):
        like_picture(on_files, tmp_path / "a.png")


def test_a_network_that_is_not_the_one_of_the_space_embeds_no_words(found, clip):
    entry = found.dataset.card["spaces"]["phi2"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(entry, "key", "0" * 32)
        with pytest.raises(InputError, match="is not the one that made phi2"):
            embedded_words(found.dataset, "phi2", ["owl"])
    assert load_backbone(clip[0], weights=clip[1]).words is None
    with pytest.raises(InputError, match="has no text tower"):
        load_backbone("efficientnet-lite0", words=True)
