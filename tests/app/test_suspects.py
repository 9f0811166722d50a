"""Samples to check on the Explore page: pictures, a file, and nothing of the truth where it is hidden."""

import re

from hume.runs.findings import Findings
from hume.runs.suspects import COLUMNS, Suspects
from tests.support.app_driver import NAMES, click, galleries, look, rerun, tiles, words


def opened(**query):
    at = look("explore", run="first", **query)
    assert "suspect label" not in galleries(at)
    at.session_state["suspects"] = True
    return rerun(at)


def test_the_most_suspect_sample_is_first_and_opens(library, download):
    expected = Suspects(Findings(library.open("first")))
    at = opened()
    for name, kind in {"Doubted labels": "label", "Outliers": "outlier"}.items():
        at.segmented_control(key="suspect kind").set_value(name)
        at = rerun(at)
        assert [tile[0] for tile in tiles(at, f"suspect {kind}")] == expected.rows(kind)[:60].tolist()
        header, *lines = download(at, "suspects csv").decode().splitlines()
        assert header == ",".join(COLUMNS[kind])
        assert len(lines) == len(expected.rows(kind))
    row = int(expected.rows("outlier")[1])
    at = click(at, "suspect outlier", row)
    assert at.query_params["sample"] == str(row)
    assert any(f"Sample {row}" in each.value for each in at.subheader)


def test_a_blind_page_doubts_only_what_was_found(library, download):
    at = opened(blind="true")
    assert at.selectbox(key="suspect labels False").options == ["found"]
    for name in ("Doubted labels", "Near-duplicates", "Outliers"):
        at.segmented_control(key="suspect kind").set_value(name)
        at = rerun(at)
        said = "\n".join([*words(at), download(at, "suspects csv").decode()])
        assert not any(re.search(rf"\b{owl}\b", said) for owl in NAMES)
    at.toggle(key="blind").set_value(False)
    assert at.segmented_control(key="suspect kind").value == "Outliers"
    assert rerun(at).selectbox(key="suspect labels True").options == ["found", "given with the data"]
