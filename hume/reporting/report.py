"""One finished run as one self-contained HTML file."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hume.common.formatting import count, number, percent
from hume.data import thumbnails
from hume.evaluation.reliable import ReliabilityRanking, ReliabilityStatistics, ReliableSamples
from hume.experiments import criteria, saved_trust
from hume.experiments.trust import SUBJECTS
from hume.reporting import experiment_sentences, figures, sentences
from hume.reporting.document import document, escaped, figure, isolated, paragraph, table
from hume.runs import provenance, review
from hume.runs.findings import Findings
from hume.runs.review import Review

NUM_NEIGHBORS = 500
PER_CLASS = 25
ROW = 12  # pictures a class in the first section
PICTURED = 100  # classes shown in pictures, which bounds the size of the file
HOLDS = 4  # true classes named of every found one
MIXED = 0.5  # median share of the neighbours that could agree below which a class is called mixed
SHOWN_N = (1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 500)  # rows of the table next to the curve
JUDGED_WITHIN = 10.0  # seconds that a report waits for a verdict
LARGE, SMALL = 96, 64  # pixels of a picture, about 1.5 times what the page shows


def report(found: Findings, *, show_truth: bool = True, more: Sequence[str] = ()) -> str:
    """Render a finished run as one self-contained HTML page.

    more: sections of HTML by the functions of `hume.reporting.document`, placed after the head. Without `show_truth`,
    or without ground truth, the rest of the page has no true class name and no accuracy. The same run and review give
    the same text. Of its size 4.8 MB are plotly.js; all else is 0.1 to 0.3 MB for the embedded data, and about 0.1 MB a
    class of photographs. Raises InputError for unreadable images and RunError for a damaged run or review.
    """
    view = _View(found, show_truth and found.dataset.labels is not None)
    sections = (_found_classes, _trust, _voters, _confusion, _reliable, _seeds, _asked, _footer)
    return document(view.title, "\n".join([_head(view), *more, *(section(view) for section in sections)]))


@dataclass(frozen=True, eq=False)
class _View:
    """One run as this report shows it; `truth`: whether the ground truth may be shown."""

    found: Findings
    truth: bool

    @cached_property
    def review(self) -> Review:
        return review.read(self.found.run)

    @property
    def card(self) -> dict[str, Any]:
        return self.found.dataset.card

    @property
    def data_name(self) -> str:
        return str(self.card.get("name") or self.found.dataset.name)

    @property
    def title(self) -> str:
        return f"{self.data_name}, labeled without labels"

    @cached_property
    def names(self) -> list[str]:
        return [self.review.name(k) for k in range(self.found.num_classes)]

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        return np.bincount(self.found.vote.labeling, minlength=self.found.num_classes)

    @cached_property
    def ranking(self) -> ReliabilityRanking:
        return self.found.ranking(NUM_NEIGHBORS)

    @cached_property
    def reliable(self) -> tuple[ReliableSamples, ReliabilityStatistics | None]:
        samples, statistics = self.found.reliable_samples(self.ranking, PER_CLASS)
        return samples, statistics if self.truth else None

    @cached_property
    def pictures(self) -> tuple[NDArray[np.uint8], int] | None:
        """The images and the value shown as white."""
        found = thumbnails.sample_images(self.found.dataset)
        return None if found is None else (found, thumbnails.full_white(found))

    @property
    def is_pixel_art(self) -> bool:
        return self.pictures is not None and max(self.pictures[0].shape[1:3]) <= thumbnails.PIXEL_ART

    @cached_property
    def matched(self) -> list[str] | None:
        """The true class of every found class, where it may be shown."""
        if not self.truth or self.found.match is None:
            return None
        return [self.found.true_names[k] if k >= 0 else "none" for k in self.found.match]

    @property
    def noun(self) -> str:
        return "sample" if self.pictures is None else "image"

    def neighbors_at_most(self, k: int) -> int:
        """How many neighbours of a class's sample could belong to it."""
        return min(self.ranking.num_neighbors, int(self.sizes[k]) - 1)

    def is_wrong(self, row: int) -> bool:
        return bool(self.truth and self.found.right is not None and not self.found.right[row])


# --- what was done and found -----------------------------------------------------------------------


def _head(view: _View) -> str:
    found, request = view.found, view.found.run.request
    facts = [
        (f"{view.noun}s", f"{found.dataset.num_samples:,}"),
        ("classes found", f"{np.count_nonzero(view.sizes):,}"),
        ("random starts, called seeds", f"{len(found.values['seeds']):,}"),
        ("labels used by the search", "0"),
    ]
    if view.truth and found.vote_agreement is not None:
        facts.append(("agree with the true labels", percent(found.vote_agreement.acc)))
    numbers = "".join(f"<div><dt>{escaped(what)}</dt><dd>{escaped(value)}</dd></div>" for what, value in facts)
    finished = provenance.date(found.values.get("finished") or request.created)
    return f"""<header>
<h1>{escaped(view.title)}</h1>
{paragraph(f"Run {found.run.name}, finished on {finished}", "soft")}
</header>
{paragraph(str(view.card.get("summary") or ""))}
<dl class="facts">{numbers}</dl>
{paragraph(_what_was_done(view))}
{paragraph(sentences.not_refined(found.values))}
{paragraph(sentences.evenness(request.evenness))}
{paragraph(_where_labels_were(view))}
{_warnings(view)}"""


def _what_was_done(view: _View) -> str:
    found, noun = view.found, view.noun
    request, S = found.run.request, len(found.values["seeds"])
    first, second = (found.dataset.space(name) for name in (request.phi1, request.phi2))
    text = (
        f"Every {noun} has features in two spaces: φ1 is {first.title or first.name}, φ2 is "
        f"{second.title or second.name}. Human classes are usually separable in both. Each search starts from random "
        f"labels of {found.num_classes} classes in φ1 and optimizes them until a linear classifier in φ2 predicts "
        f"them on held-out {noun}s. "
    )
    if found.view == "refined":
        text += "Then each labeling is moved to the nearest one that both spaces support, and ranked by its likelihood "
        text += "there. "
    if found.view == "refined" or found.mode is not None:
        return f"{text}This report shows {provenance.voting(found)}."
    return text + (f"The {S} labelings are matched to the best-scored one and vote on every {noun}." * (S > 1))


def _where_labels_were(view: _View) -> str:
    if view.truth:
        return (
            f"These {view.noun}s have true labels, which no search uses: they only measure the accuracy of the result. "
            "Therefore the found classes have numbers, not names."
        )
    return "No label is used or shown. Therefore the found classes have numbers, until they are named in the app."


def _warnings(view: _View) -> str:
    samples, lines = view.reliable[0], []
    for k, name in enumerate(view.names):
        agreed = samples.neighbor_agreement[samples.classes == k]
        if view.sizes[k] == 0:
            words = f"is empty: no {view.noun} has this class in the vote."
        elif k in samples.shortages:
            words = f"has only {count(int(view.sizes[k]), view.noun)}."
        elif np.median(agreed) < MIXED * view.neighbors_at_most(k):
            share = percent(float(np.median(agreed)) / view.neighbors_at_most(k), 0)
            words = f"is mixed: even of its most reliable {view.noun}s' neighbours only {share} belong to it."
        else:
            continue
        lines.append(f"<li>{isolated(name)} {escaped(words)}</li>")
    return f'<ul class="warnings">{"".join(lines)}</ul>' if lines else ""


def _found_classes(view: _View) -> str:
    words = f"A row is one found class: the {view.noun}s whose label is the most reliable. "
    if view.truth:
        words += "Every found class is matched to at most one true class, one to one. "
    rows = []
    for k in _pictured(view):
        about = f"{count(int(view.sizes[k]), view.noun)} ({percent(float(view.sizes[k] / view.sizes.sum()))})"
        if view.matched is not None and view.found.right is not None:
            right = float(view.found.right[view.found.vote.labeling == k].mean())
            about += f' · matched to "{view.matched[k]}": {percent(right)} are right'
        rows.append(_class_row(view, k, ROW, about))
    return f"""<section>
<h2>Which classes were found?</h2>
{paragraph(words + _legend(view))}
{"".join(rows)}</section>"""


def _trust(view: _View) -> str:
    found, scores = view.found, view.found.statistics
    axis = figures.SCORE if found.likelihood is None else figures.LIKELIHOOD
    if view.truth and scores.accuracy is not None:
        drawn = figures.correlation(
            scores.criterion, scores.accuracy, found.seeds, found.states, found.correlation, axis=axis
        )
        alt = f"Scatter plot of {axis.noun} and accuracy, one point a seed"
    else:
        drawn = figures.score_distribution(scores.criterion, found.seeds, axis=axis)
        alt = f"Distribution of the {axis.noun}, one dot a seed"
    below = "One point a seed; their numbers are in the table of all seeds below."
    return f"""<section>
<h2>{sentences.question(found.view)}</h2>
{paragraph(sentences.trust(found, view.truth), "answer")}
{paragraph(_verdict(found))}
{figure("score-and-accuracy" if view.truth else "scores", drawn, alt=alt, caption=below)}
{_criteria(view)}
</section>"""


def _verdict(found: Findings) -> str:
    """The verdict without labels; computed here where that takes seconds."""
    quick = saved_trust.expected_seconds(found.run) <= JUDGED_WITHIN
    judged = saved_trust.judge(found) if quick else saved_trust.read(found.run, found.view)
    if judged is None:
        what = experiment_sentences.not_judged(SUBJECTS[found.view])
        return f"{what} was not computed: the command trust and the page on the seeds do so."
    return f"Without labels: {experiment_sentences.verdict(judged)}"


def _criteria(view: _View) -> str:
    rows = criteria.table(view.found) if view.truth else []
    if not rows:
        return ""
    header = ["seeds ranked by", "accuracy", "r", "95 % interval", "p"]
    caption = "What predicts the accuracy of the seeds: the correlation of each with it"
    return table(caption, header, [sentences.criterion_row(row) for row in rows], numeric=(2,))


def _voters(view: _View) -> str:
    found = view.found
    curve = found.top_n if view.truth else found.blind_top_n
    measures = (("ACC", curve.acc), ("ARI × 100", curve.ari), ("as by all seeds", curve.consistency))
    known = [(name, [percent(float(value)) for value in values]) for name, values in measures if values is not None]
    rows = [
        (n, *(values[i] for _, values in known))
        for i, n in enumerate(curve.n.tolist())
        if n in {*SHOWN_N, len(found.voters), len(curve.n)}
    ]
    first = sentences.first_ranked(found)
    drawn = figures.top_n([("vote", curve)], [sentences.curve_end(found)], first=first)
    return f"""<section>
<h2>How many seeds does the vote need?</h2>
{paragraph(sentences.voters(found, view.truth), "answer")}
{
        figure(
            "vote",
            drawn,
            alt="Lines over the number of seeds that vote; the table below has their numbers",
            caption=sentences.curve(found, first),
        )
    }
{table(f"The vote of the n {first} seeds", ["n", *(name for name, _ in known)], rows)}
</section>"""


def _confusion(view: _View) -> str:
    counts = view.found.confusion(view.found.vote.labeling) if view.truth else None
    if counts is None or view.found.match is None or view.matched is None:
        return ""
    true, rows = view.found.true_names, []
    for name, match, matched, held in zip(view.names, view.found.match, view.matched, counts, strict=True):
        share = held[match] / held.sum() if match >= 0 and held.sum() else np.nan
        largest = [k for k in np.argsort(-held, kind="stable")[:HOLDS] if held[k]]
        holds = ", ".join(f"{true[k]} {held[k]:,}" for k in largest)
        rows.append((name, matched, f"{held.sum():,}", percent(float(share)), holds or "nothing"))
    header = ["found class", "matched to", f"{view.noun}s", "share", "holds most of"]
    scored = count(int(view.found.evaluated.sum()), view.noun)
    drawn = figures.confusion(counts, view.names, true)
    return f"""<section>
<h2>Which true classes do the found ones hold?</h2>
{paragraph(f"The vote on {scored}, compared with the true labels.")}
{figure("confusion", drawn, alt="Matrix of found and true classes; the table below has its largest numbers")}
{
        table(
            "What each found class holds; the share is that of the true class it is matched to",
            header,
            rows,
            numeric=(2, 3),
        )
    }
</section>"""


# --- reliable samples --------------------------------------------------------------------------------


def _reliable(view: _View) -> str:
    samples, statistics = view.reliable
    words = (
        f"Up to {PER_CLASS} {view.noun}s of every class, those for which the "
        f"{count(view.ranking.num_neighbors, 'nearest neighbour')} in φ1 and the votes of "
        f"{count(view.ranking.num_labelings, 'seed')} agree most (Algorithm G1). "
    )
    if view.ranking.neighbor_recall is not None:
        words += f"{sentences.neighbors(view.ranking)} "
    rejected = sum(row in view.review.rejected for row in samples.rows.tolist())
    if rejected:
        words += f"{rejected} of them {'is' if rejected == 1 else 'are'} rejected by hand: counted, but not shown. "
    rows = []
    for k in _pictured(view):
        about = count(int((samples.classes == k).sum()), view.noun)
        if statistics is not None:
            about += f" · {percent(float(statistics.accuracy_per_class[k]))} are right"
        rows.append(_class_row(view, k, PER_CLASS, about))
    answer = ""
    if statistics is not None and view.found.vote_agreement is not None:
        everywhere = percent(view.found.vote_agreement.acc)
        answer = f"{percent(statistics.accuracy)} of these {len(samples.rows):,} labels are right; "
        answer += f"of all labels of the vote {everywhere} are."
    return f"""<section>
<h2>Which labels can be trained on?</h2>
{paragraph(words + _legend(view))}
{paragraph(answer, "answer")}
{"".join(rows)}
{_reliable_tables(view, samples, statistics)}
</section>"""


def _reliable_tables(view: _View, samples: ReliableSamples, statistics: ReliabilityStatistics | None) -> str:
    header = ["found class", f"all {view.noun}s", "reliable", "seeds agree", "neighbours agree"]
    rows: list[tuple[Any, ...]] = []
    for k, name in enumerate(view.names):
        chosen = samples.classes == k
        votes = _median(samples.vote_agreement[chosen], view.ranking.num_labelings)
        neighbors = _median(samples.neighbor_agreement[chosen], view.neighbors_at_most(k))
        right = [] if statistics is None else [percent(float(statistics.accuracy_per_class[k]))]
        rows.append((name, f"{view.sizes[k]:,}", int(chosen.sum()), votes, neighbors, *right))
    if statistics is not None:
        header.append("right")
    accuracy = table("The reliable samples of every class; agreement: the median, of as many as could", header, rows)
    if statistics is None:
        return accuracy
    balance = [
        (view.found.true_names[int(k)], int(size))
        for k, size in zip(statistics.true_classes, statistics.balance, strict=True)
    ]
    spread = f"{statistics.balance_mean:.1f} ± {statistics.balance_std:.1f}"
    columns = ["true class", "reliable"]
    return f'<div class="tables">{accuracy}{table(f"Balance: {spread} a class", columns, balance)}</div>'


def _median(agreed: NDArray[np.int64], out_of: int) -> str:
    return f"{np.median(agreed):g} of {out_of}" if agreed.size else "–"


# --- pictures --------------------------------------------------------------------------------------


def _pictured(view: _View) -> list[int]:
    """The classes shown in pictures: those that have samples, the first of them where there are too many."""
    pictured: list[int] = np.flatnonzero(view.sizes > 0)[:PICTURED].tolist()
    return pictured


def _legend(view: _View) -> str:
    words = f"Only the first {PICTURED} classes are shown. " if np.count_nonzero(view.sizes) > PICTURED else ""
    return words + (f"A dashed frame marks {view.noun}s whose true class differs." if view.truth else "")


def _class_row(view: _View, k: int, most: int, about: str) -> str:
    """One found class: its name, something about it, and its most reliable samples without the rejected ones."""
    samples = view.reliable[0]
    rows = [row for row in samples.rows[samples.classes == k].tolist() if row not in view.review.rejected][:most]
    small = most > ROW
    kind = ("small" if small else "large") + (" pixels" if view.is_pixel_art else "")
    tiles = "".join(_tile(view, row, SMALL if small else LARGE) for row in rows)
    label = escaped(f"Reliable {view.noun}s of {view.names[k]}")
    return f"""<article class="class" style="--mark: {figures.class_colors(k + 1)[k]}">
<header><h3>{isolated(view.names[k])}</h3>{paragraph(about)}</header>
<div class="tiles {kind}" role="group" aria-label="{label}">{tiles}</div>
</article>
"""


def _tile(view: _View, row: int, pixels: int) -> str:
    wrong = view.is_wrong(row)
    words = f"{view.noun} {row}" + ", whose true class differs" * wrong
    if view.pictures is None:
        return f'<span class="card{" wrong" * wrong}" role="img" aria-label="{words}">{row}</span>'
    array, white = view.pictures
    mark = ' class="wrong"' * wrong
    return f'<img{mark} alt="{words}" src="{thumbnails.data_uri(array[row], pixels, white=white)}">'


# --- settings ---------------------------------------------------------------------------------------


def _seeds(view: _View) -> str:
    found = view.found
    likelihood, (acc, ari) = found.likelihood, (found.by_seed["acc"], found.by_seed["ari"])
    ranked = [] if likelihood is None else ["log-likelihood, nats"]
    header = ["rank", "seed", *ranked, "score", "objective, nats", *(["ACC", "ARI"] if view.truth else []), "ended"]
    rows: list[tuple[Any, ...]] = []
    for rank, i in enumerate(found.statistics.order.tolist(), start=1):
        objective = "–" if np.isnan(found.objective[i]) else number(float(found.objective[i]))
        right = [percent(acc[i]), number(ari[i], 3)] if view.truth and acc is not None and ari is not None else []
        likely = [] if likelihood is None else [number(float(likelihood[i]), 3)]
        ended = found.states[i] + (", failed: score far below the others" if found.statistics.failed[i] else "")
        score = percent(float(found.statistics.cv_score[i]), 2)
        rows.append((rank, found.seeds[i], *likely, score, objective, *right, ended))
    return f"""<section>
<h2>All seeds</h2>
{table(f"The {sentences.first_ranked(found)} first", header, rows, numeric=range(len(header) - 1))}
</section>"""


def _asked(view: _View) -> str:
    settings = provenance.hyperparameters(view.found.run)
    header = ["name", "symbol", "value", "meaning"]
    return f"""<section>
<h2>Settings</h2>
{table("The run", ["", ""], provenance.settings(view.found), numeric=(), kind="keys")}
{table("Hyperparameters, with the paper's symbols", header, settings, numeric=(2,)) if settings else ""}
</section>"""


def _footer(view: _View) -> str:
    source, licence = (str(view.card.get(key) or "not recorded").rstrip(".") for key in ("source", "licence"))
    paper = "The Pursuit of Human Labeling: A New Perspective on Unsupervised Learning"
    return f"""<footer>
<p>Method: Artyom Gadetsky and Maria Brbić, {escaped(f'"{paper}"')}, NeurIPS 2023,
<a href="https://arxiv.org/abs/2311.02940">arXiv:2311.02940</a>.</p>
{paragraph(f"Data: {view.data_name}. Source: {source}. Licence: {licence}.")}
<noscript><p>The figures need JavaScript; the tables hold their numbers.</p></noscript>
</footer>"""
