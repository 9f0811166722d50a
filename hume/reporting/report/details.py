"""All seeds, all settings, and where method and data come from."""

from typing import Any

import numpy as np

from hume.common.formatting import number, percent
from hume.reporting import sentences
from hume.reporting.document import escaped, paragraph, table
from hume.reporting.report.view import View
from hume.runs import provenance


def seeds(view: View) -> str:
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


def asked(view: View) -> str:
    settings = provenance.hyperparameters(view.found.run)
    header = ["name", "symbol", "value", "meaning"]
    return f"""<section>
<h2>Settings</h2>
{table("The run", ["", ""], provenance.settings(view.found), numeric=(), kind="keys")}
{table("Hyperparameters, with the paper's symbols", header, settings, numeric=(2,)) if settings else ""}
</section>"""


def footer(view: View) -> str:
    source, licence = (str(view.card.get(key) or "not recorded").rstrip(".") for key in ("source", "licence"))
    paper = "The Pursuit of Human Labeling: A New Perspective on Unsupervised Learning"
    return f"""<footer>
<p>Method: Artyom Gadetsky and Maria Brbić, {escaped(f'"{paper}"')}, NeurIPS 2023,
<a href="https://arxiv.org/abs/2311.02940">arXiv:2311.02940</a>.</p>
{paragraph(f"Data: {view.data_name}. Source: {source}. Licence: {licence}.")}
<noscript><p>The figures need JavaScript; the tables hold their numbers.</p></noscript>
</footer>"""
