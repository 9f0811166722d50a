"""One sample: its posterior is the labeling's, its distances are those of the vectors, its past is the review's."""

from dataclasses import replace

import numpy as np
import pytest

from hume.common.errors import InputError
from hume.runs import review
from hume.runs.findings import Findings
from hume.runs.sample_view import SampleView
from hume.runs.store import Store
from tests.support.planted_runs import create, save_folder


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    data = save_folder(home / "birds")
    lines = [
        "weight,seen,note",
        *(f"{row / 3 if row else ''},2024-01-0{row % 9 + 1},odd" for row in range(data.num_samples)),
    ]
    (home / "birds" / "columns.csv").write_text("\n".join(lines) + "\n")
    run = create(Store(home), data, "a", of_run={"refine": "joint"})
    run.execute()
    return Findings(run)


def test_the_most_probable_class_is_the_samples_class_as_sure_as_it_says(found):
    for row in range(0, 180, 13):
        view = SampleView(found, row)
        assert view.posterior.sum() == pytest.approx(1)
        assert int(view.posterior.argmax()) == view.number
        assert view.posterior[view.number] == pytest.approx(float(found.confidence[row]), abs=1e-4)
        assert view.votes.tolist() == found.vote.counts[row].tolist()


def test_a_searched_labeling_has_no_posterior(found):
    assert SampleView(found.searched, 3).posterior is None


def test_neighbours_come_with_their_distances(found):
    for space, source in {"phi1": found.phi1, "phi2": found.dataset.space("phi2").features}.items():
        near = SampleView(found, 7).near(space, 5)
        vectors = source / np.linalg.norm(source, axis=1, keepdims=True)
        distances = 1 - vectors @ vectors[7]
        distances[7] = np.inf
        assert near.rows.tolist() == np.argsort(distances)[:5].tolist()
        assert np.allclose(near.distances, np.sort(distances)[:5], atol=1e-5)


def test_columns_are_text_without_what_is_missing(found):
    assert SampleView(found, 0).columns == {"seen": "2024-01-01", "note": "odd"}
    assert SampleView(found, 1).columns == {"weight": "0.333333", "seen": "2024-01-02", "note": "odd"}


def test_its_past_is_what_was_said_of_it_and_whether_that_stands(found):
    other = replace(found.run)
    review.answer(other, [4, 5], 1)
    review.set_aside(other, [4])
    review.undo(other)
    past = [(step["class"], stands) for _, step, stands in SampleView(found, 4).past]
    assert past == [(-1, False), (1, True)]
    assert SampleView(found, 6).past == []


def test_a_row_that_is_none_is_said(found):
    with pytest.raises(InputError, match="no sample 99999"):
        SampleView(found, 99999)
