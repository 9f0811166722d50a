"""The table of all samples, cached until their labels, the names of classes or what may be shown of them change."""

import hashlib

import streamlit as st

from hume.runs.findings import Findings
from hume.runs.sample_table import SampleTable, sample_table
from pages._state import ground_truth, runs


def table(found: Findings) -> SampleTable:
    """All samples with what may be shown of them."""
    names, truth, ranking = runs.class_names(found), ground_truth.shows_truth(found.dataset), found.known_ranking()
    digest = hashlib.blake2b(found.vote.labeling.tobytes() + found.vote.share.tobytes(), digest_size=8)
    digest.update(repr((names, truth, ground_truth.is_blind(), ranking is not None)).encode())
    return _table(str(found.run.home), found.run.name, digest.hexdigest(), found, names, truth)


@st.cache_resource(max_entries=4, show_spinner="Listing the samples …")
def _table(home: str, name: str, digest: str, _found: Findings, _names: list[str], _truth: bool) -> SampleTable:
    files = ground_truth.file_names(_found.dataset)
    return sample_table(_found, _names, truth=_truth, files=files, ranking=_found.known_ranking())
