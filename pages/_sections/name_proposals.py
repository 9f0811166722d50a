"""Names that a list of words proposes for the found classes; each is given by a click."""

import streamlit as st

from hume.common import devices
from hume.common.errors import InputError
from hume.features.again import with_captions
from hume.reporting import similar_sentences
from hume.runs import review, similar_new
from hume.runs.findings import Findings
from hume.runs.similar import Proposals
from pages._sections import batches
from pages._state import runs
from pages._widgets import plots

BEST = 3  # words a class
SHOWN = 200  # classes


def section(found: Findings) -> None:
    """Words to choose among, where a space was made by a network that was trained on captions."""
    if not with_captions(found.dataset):
        return
    opened = st.expander(
        "Propose names from a list of words", icon=":material/label:", key="propose names", on_change="rerun"
    )
    with opened:
        if not opened.open:
            return
        text = st.text_area(
            "Words, one a line or separated by commas", key="words for names", placeholder="shirt, sandal, bag, …"
        )
        words = tuple(word.strip() for line in text.splitlines() for word in line.split(",") if word.strip())
        if not words:
            return
        run = found.run
        given = review.read(run)
        try:
            shown = (runs.view_of(run), found.mode, given.version)
            proposed = _proposed(str(run.home), run.name, run.version, shown, words, found)
        except InputError as error:
            st.warning(str(error), icon=":material/info:")
            return
        st.caption(similar_sentences.proposals(proposed))
        for k, best in list(proposed.best(BEST).items())[:SHOWN]:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f"**{plots.plain(given.name(k))}**", width=180)
                for i, word in enumerate(best):
                    st.button(
                        plots.plain(word), key=f"propose {k} {i}", on_click=_accept, args=(found, k, word),
                        type="primary" if given.names.get(k) == word else "secondary",
                        help="Gives the class this name.",
                    )  # fmt: skip


@st.cache_data(max_entries=16, show_spinner="Comparing the words with the classes …")
def _proposed(
    home: str,
    run: str,
    version: tuple[int, int],
    shown: tuple[str, int | None, int],
    words: tuple[str, ...],
    _found: Findings,
) -> Proposals:
    return similar_new.propose_names(_found, words, device=devices.devices()[0])


def _accept(found: Findings, number: int, word: str) -> None:
    batches.attempt(lambda: review.name_class(found.run, number, word))
