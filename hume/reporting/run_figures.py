"""The figures of a finished run as Plotly figures, for notebooks and papers; what the pages show, by one call each."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from hume.common.errors import InputError
from hume.experiments import criteria, sides
from hume.experiments.criteria import Criterion
from hume.reporting import difference_sentences, figures, sentences
from hume.reporting.figures.parts import frame
from hume.reporting.maps import Which
from hume.reporting.maps.of_run import map_of
from hume.runs import review
from hume.runs.findings import Findings
from hume.runs.store import Store


class RunFigures:
    """The figures of one run; those of the ground truth raise InputError where there is none."""

    def __init__(self, found: Findings):
        self.found = found

    def objective(self, criterion: Criterion | None = None) -> go.Figure:
        """Figure 1: what ranks the seeds against their accuracy, or its distribution without ground truth.

        criterion: "likelihood", "score" or "both"; by default what ranks them. Raises InputError for one that the run
        has not.
        """
        found, known = self.found, criteria.offered(self.found)
        chosen = criterion or known[0]
        values = criteria.values(found, chosen) if chosen in known else None
        if values is None:
            raise InputError(f"run {found.run.name!r} has no criterion {chosen!r}: choose one of {', '.join(known)}")
        axis, accuracy = figures.AXES[chosen], found.statistics.accuracy
        if accuracy is None:
            return figures.score_distribution(values, found.seeds, axis=axis)
        correlation = criteria.correlation(found, chosen)
        return figures.correlation(values, accuracy, found.seeds, found.states, correlation, axis=axis)

    def aggregation(self, *others: Findings | str) -> go.Figure:
        """Figure 3a: the vote of the n first-ranked seeds, of this run and of others on the same data."""
        shown = [self.found, *map(self._other, others)]
        truth = all(each.dataset.labels is not None for each in shown)
        curves = [(each.run.name, each.top_n if truth else each.blind_top_n) for each in shown]
        return figures.top_n(
            curves, [sentences.curve_end(each) for each in shown], first=sentences.first_ranked(*shown)
        )

    def classes(self) -> go.Figure:
        """The sizes of the found classes."""
        found = self.found
        sizes = np.bincount(found.vote.labeling, minlength=found.num_classes)[found.classes]
        return figures.class_sizes(sizes, [self._names[k] for k in found.classes])

    def confusion(self) -> go.Figure:
        """Found against true classes."""
        table = self.found.confusion(self.found.vote.labeling)
        if table is None:
            raise InputError(f"a confusion matrix needs a ground truth, and {self.found.dataset.name} has none")
        return figures.confusion(table, self._names, self.found.true_names)

    def votes(self, row: int) -> go.Figure:
        """How the seeds vote on one sample."""
        if not 0 <= row < self.found.dataset.num_samples:
            raise InputError(f"there is no sample {row}: choose 0 to {self.found.dataset.num_samples - 1}")
        ballots = self.found.vote.aligned[:, row]
        return figures.votes(np.bincount(ballots, minlength=self.found.num_classes), self._names)

    def differences(self, other: str) -> go.Figure:
        """Who went where between this run's labeling and another one: see `hume.experiments.sides`."""
        store = Store(self.found.run.home)
        both = sides.compare(sides.of_findings(self.found), sides.side(store, other))
        titles = difference_sentences.title(both.first), difference_sentences.title(both.second)
        return figures.who_went_where(both.differences.table, both.first_names, both.second_names, titles)

    def map(self, space: Which = "phi1") -> go.Figure:
        """The samples on the UMAP of a space, coloured by found class; `customdata` is the row."""
        made, labeling = map_of(self.found, space), self.found.vote.labeling
        classes, colors, symbols = labeling[made.rows], *self._looks
        traces = [
            go.Scattergl(
                x=made.positions[here, 0], y=made.positions[here, 1], customdata=made.rows[here], mode="markers",
                name=figures.safe(self._names[k]), marker={"color": colors[k], "symbol": symbols[k], "size": 4},
                hovertemplate="row %{customdata}<extra>%{fullData.name}</extra>",
            )
            for k in self.found.classes
            if (here := classes == k).any()
        ]  # fmt: skip
        hidden = {"visible": False}
        return frame(traces, xaxis=hidden, yaxis={**hidden, "scaleanchor": "x"}, legend={"itemsizing": "constant"})

    @property
    def _names(self) -> list[str]:
        given = review.read(self.found.run)
        return [given.name(k) for k in range(self.found.num_classes)]

    @property
    def _looks(self) -> tuple[Sequence[str], Sequence[str]]:
        K = self.found.num_classes
        return figures.class_colors(K), figures.class_symbols(K)

    def _other(self, run: Findings | str) -> Findings:
        return run if isinstance(run, Findings) else Findings(Store(self.found.run.home).open(run))
