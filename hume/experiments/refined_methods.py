"""Labelings of any method, refined as HUME's are, and HUME's own as a run offers them.

stage = refinement_of(dataset, "simclr", "lite0", num_classes=10)
refined_labelings(stage, saved, "refined")
"""

from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from hume.common.errors import InputError
from hume.common.progress import Progress, part
from hume.data.dataset import Dataset
from hume.engine.config import Config
from hume.experiments.cache import Cache
from hume.experiments.methods import AS_IN_PAPER
from hume.experiments.saved_labelings import Joint, SavedLabelings, ScoredLabelings, save
from hume.experiments.searches import ExperimentSearch, of_runs
from hume.runs import choice_of_evenness, cost
from hume.runs.refinement import Refinement
from hume.runs.result import score_labelings
from hume.runs.run import Run

UNEVEN = "hume-uneven"  # the entry of searched labelings where classes are not kept even
CHOOSING, SEARCHED = 0.2, 0.8  # shares of the time, at their ends


def refinement_of(dataset: Dataset, phi1: str, phi2: str, num_classes: int, device: str = "cpu") -> Refinement:
    """The refinement of all rows with equal class probabilities, which makes likelihoods of methods comparable.

    Raises InputError for too few rows a class and for a space whose rows all have the same direction.
    """
    every = np.ones(dataset.num_samples, bool)
    return Refinement.of(dataset, phi1, phi2, Config(num_classes=num_classes), every, device)


def refined_labelings(
    stage: Refinement,
    saved: SavedLabelings,
    note: str,
    on_progress: Progress | None = None,
    *,
    num_seeds: int | None = None,
) -> SavedLabelings:
    """The refinement of every labeling, and of the vote of the most likely fifth; seconds are those of both steps.

    num_seeds: that were searched, of which the labelings are some.
    """
    start = perf_counter()
    refined = stage.refine(saved.labelings, on_progress)
    final = stage.final(refined, num_seeds or len(saved.labelings))
    joint = Joint(refined.likelihood, final.labeling, final.likelihood)
    return SavedLabelings(refined.labelings, None, saved.seconds + perf_counter() - start, note, joint)


@dataclass(frozen=True, eq=False)
class RefinedSearch:
    """HUME as `search` offers it: it chooses how even classes are kept, searches, refines, and the likeliest vote."""

    search: ExperimentSearch  # as it would be if classes were kept even

    def labelings(
        self,
        cache: Cache,
        entry: str,
        note: str,
        *,
        again: bool = False,
        device: str = "cpu",
        on_progress: Progress | None = None,
    ) -> SavedLabelings:
        """The labelings of the same finished run, else of the search that this experiment or another has saved.

        Arguments and errors as for `ExperimentSearch.labelings`; saved in the entry. Where labelings cannot be refined
        they are the searched ones, as a run's are, and the note says why.
        """
        saved = None if again else next(of_runs(self.search.home, lambda run: self._of_run(run, note)), None)
        if saved is None:
            saved = self._refine(cache, note, again, device, on_progress)
        save(cache, entry, saved)
        part(on_progress, 0, 1)(1.0)
        return saved

    def _refine(
        self, cache: Cache, note: str, again: bool, device: str, on_progress: Progress | None
    ) -> SavedLabelings:
        search, start = self.search, perf_counter()
        data, pair, K = search.dataset, (search.phi1, search.phi2), search.config.num_classes
        try:
            stage = refinement_of(data, *pair, K, device)
        except InputError as error:
            searched = search.labelings(cache, AS_IN_PAPER, note, again=again, device=device, on_progress=on_progress)
            return replace(searched, note=f"{searched.note}, not refined: {error}")
        config, entry, seconds = search.config, AS_IN_PAPER, 0.0
        if choice_of_evenness.can_choose(data, config, "transductive"):
            chosen = choice_of_evenness.choose(
                data, *pair, config, search.solver, device=device, on_progress=part(on_progress, 0, CHOOSING)
            )
            seconds = perf_counter() - start
            if chosen is not None and chosen.chosen:
                config = chosen.applied(config)
                entry, note = UNEVEN, f"{note}, η = {config.entropy_weight:g}{'' if config.centre else ', not centred'}"
        searched = replace(search, config=config).labelings(
            cache, entry, note, again=again, device=device, on_progress=part(on_progress, CHOOSING, SEARCHED)
        )
        some = cost.seeds_to_refine(replace(stage, config=config), searched.cv_score)
        start, report = perf_counter(), part(on_progress, SEARCHED, 1)
        best = SavedLabelings(searched.labelings[some], None, 0.0, searched.note)
        refined = refined_labelings(stage, best, searched.note, report, num_seeds=search.num_seeds)
        unlabeled = replace(data, labels=None)
        scores = score_labelings(unlabeled, search.phi2, refined.labelings, K, device=device)
        how = "refined" if len(some) == search.num_seeds else f"the best {len(some)} refined"
        seconds += searched.seconds + perf_counter() - start
        return ScoredLabelings(refined.labelings, scores.cv_score, seconds, f"{searched.note}, {how}", refined.joint)

    def _of_run(self, run: Run, note: str) -> SavedLabelings | None:
        """What a finished run of the same request offers."""
        if not self._is_same(run):
            return None
        scores, files = run.scores(), run.refined
        seeds, final = scores["refined"]["seeds"], files.final()
        return ScoredLabelings(
            files.labelings(seeds),
            np.array(scores["refined"]["cv_score"], np.float64),
            float(scores["seconds"]),
            f"{note}, from run {run.name}",
            Joint(files.likelihood(seeds), final.labeling, final.likelihood),
        )

    def _is_same(self, run: Run) -> bool:
        request = run.request
        if request.refine != "joint" or request.sizes != "auto" or run.scores().get("refined") is None:
            return False
        asked = request.config
        if request.evenness is not None:
            first = request.evenness.ways[0]
            asked = replace(asked, entropy_weight=first.entropy_weight, centre=first.centre)
        return self.search.is_same(run, asked) and len(run.finished_seeds) == self.search.num_seeds
