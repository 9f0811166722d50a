"""The section on trust: the same sentence with and without labels, its facts, and controls on demand."""

import numpy as np
import pytest

from hume.experiments import judgement, saved_trust
from hume.experiments.trust import of_run
from hume.reporting.trust_sentences import evidence, verdict
from hume.runs.findings import Findings
from pages._sections import trust
from pages._state import services
from pages._widgets import plots
from tests.support.app_driver import birds, figures, finished, given, look, markdown, press, rerun, until


@pytest.fixture
def run(home):
    return finished(home, birds(home), "many", seeds=range(12))


def verdicts(at):
    return [
        box.value
        for kind in ("success", "info", "warning")
        for box in at.get(kind)
        if "ranking of the seeds" in box.value or "most likely labeling" in box.value
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


def test_of_a_refined_run_it_is_about_the_labeling_and_computed_in_the_queue_where_it_takes_long(home, monkeypatch):
    run = finished(home, birds(home), "joint", seeds=range(12), of_run={"refine": "joint"})
    monkeypatch.setattr(trust, "AT_ONCE", 0.0)
    at = look("objective", run="joint")
    assert at.title[0].value == "Is this labeling reliable?"
    assert verdicts(at) == [
        "Whether the most likely labeling is reliable is being computed; its progress stands in the sidebar."
    ]
    jobs = services.services().jobs
    (status,) = jobs.statuses() or services.services().work.statuses()
    assert status.name == "joint: is it reliable? (refined)"
    until(lambda: not jobs.is_under_way(status.name))
    assert jobs.status(status.name).state == "finished"
    kept = judgement.read(run, "refined")
    assert kept.about == "labeling"
    assert verdicts(rerun(at)) == [plots.plain(verdict(kept))]
    assert verdicts(look("objective", run="joint", labeling="searched"))[0].startswith("Whether the ranking of the")


def test_a_judgement_reports_its_progress_to_the_end(home):
    shares = []
    run = finished(home, birds(home), "joint", seeds=range(12), of_run={"refine": "joint"})
    saved_trust.judge(Findings(run), shares.append)
    assert shares == sorted(shares)
    assert shares[0] < 0.5
    assert shares[-1] == pytest.approx(1)


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
