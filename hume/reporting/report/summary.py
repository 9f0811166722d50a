"""The head of the report: what was done, and what to be careful with."""

import numpy as np

from hume.common.formatting import count, percent
from hume.reporting import evenness_sentences, review_sentences, sentences
from hume.reporting.document import escaped, isolated, paragraph
from hume.reporting.report.view import View
from hume.runs import provenance
from hume.runs.answering import estimate

MIXED = 0.5  # median share of the neighbours that could agree below which a class is called mixed


def head(view: View) -> str:
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
{paragraph(evenness_sentences.evenness(request.evenness))}
{paragraph(review_sentences.standing(view.review, estimate(found, view.review)))}
{paragraph(_where_labels_were(view))}
{_warnings(view)}"""


def _what_was_done(view: View) -> str:
    found, noun = view.found, view.noun
    request, S = found.run.request, len(found.values["seeds"])
    first, second = (found.dataset.space(name) for name in (request.phi1, request.phi2))
    text = (
        f"Every {noun} has features in two spaces: φ1 is {first.title or first.name}, φ2 is "
        f"{second.title or second.name}. Human classes are usually separable in both. Each search starts from random "
        f"labels of {found.num_found} classes in φ1 and optimizes them until a linear classifier in φ2 predicts "
        f"them on held-out {noun}s. "
    )
    if found.view == "refined":
        text += "Then each labeling is moved to the nearest one that both spaces support, and ranked by its likelihood "
        text += "there. "
    if found.view == "refined" or found.mode is not None:
        return f"{text}This report shows {provenance.voting(found)}."
    return text + (f"The {S} labelings are matched to the best-scored one and vote on every {noun}." * (S > 1))


def _where_labels_were(view: View) -> str:
    if view.truth:
        return (
            f"These {view.noun}s have true labels, which no search uses: they only measure the accuracy of the result. "
            "Therefore the found classes have numbers, not names."
        )
    return "No label is used or shown. Therefore the found classes have numbers, until they are named in the app."


def _warnings(view: View) -> str:
    samples, lines = view.reliable[0], []
    for k in view.found.classes:
        name, agreed = view.names[k], samples.neighbor_agreement[samples.classes == k]
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
