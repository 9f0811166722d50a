"""The section on trust: the same sentence with and without labels, its facts, and controls on demand."""

import numpy as np
import pytest

from hume.experiments.trust import of_run
from hume.reporting.experiment_sentences import evidence, verdict
from hume.runs.findings import Findings
from pages._state import services
from pages._widgets import plots
from tests.support.app_driver import birds, figures, finished, given, look, markdown, press, until


@pytest.fixture
def run(home):
    return finished(home, birds(home), "many", seeds=range(12))


def verdicts(at):
    return [
        box.value
        for kind in ("success", "info", "warning")
        for box in at.get(kind)
        if "ranking of the seeds" in box.value
    ]


def test_the_verdict_stands_on_the_page_with_its_facts_and_figure(run):
    expected = of_run(Findings(run))
    at = look("objective", run="many")
    assert verdicts(at) == [plots.plain(verdict(expected))]
    texts = " ".join(markdown(at))
    for each in expected.evidence:
        assert plots.plain(evidence(each)[1:]) in texts
    (points,) = figures(at)["trust many"]["data"]
    assert np.allclose(sorted(points["y"]), np.sort(100 * expected.seeds.cv_score), rtol=1e-5)


def test_blind_and_without_labels_it_is_the_same(home, run):
    open_eyed, blind = (look("objective", run="many", blind=blind) for blind in ("false", "true"))
    assert verdicts(open_eyed) == verdicts(blind)
    assert figures(open_eyed)["trust many"] == figures(blind)["trust many"]
    finished(home, birds(home, "nameless", labels=False), "unlabeled", seeds=range(12))
    assert verdicts(look("objective", run="unlabeled")) == verdicts(open_eyed)


def test_a_warning_is_a_warning_and_few_seeds_are_unclear(home):
    data = birds(home)
    given(home, data, "one-class", [np.zeros_like(data.labels)] * 12)
    assert len(look("objective", run="one-class").warning) == 1
    given(home, data, "few", [data.labels, data.labels])
    at = look("objective", run="few")
    assert "only 2 seeds" in verdicts(at)[0]
    assert not at.warning
    assert "trust few" not in figures(at)


@pytest.mark.slow
def test_controls_are_searched_in_the_background_and_then_take_part(run):
    at = press(look("objective", run="many"), "trust controls")
    work = services.services().work
    until(lambda: work.statuses() and not any(status.under_way for status in work.statuses()))
    assert {status.state for status in work.statuses()} == {"finished"}
    at = look("objective", run="many")
    assert "trust controls" not in {button.key for button in at.button}
    texts = " ".join(markdown(at))
    assert "noise for φ2" in texts
    layout = figures(at)["trust many"]["layout"]
    drawn = [each["text"] for each in layout.get("annotations", [])]
    assert any("noise for φ2" in text for text in drawn)
