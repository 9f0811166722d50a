"""Rows for the steps after a search, each compared with scikit-learn, and for other methods."""

import math

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neighbors import NearestNeighbors

import hume
from benchmarks.speed.job import Job, Measured, accuracy, cv_of, features_of, labelings_of, measured
from benchmarks.speed.machine import Clock
from hume.data import space_rows
from hume.engine import whitening
from hume.evaluation import cross_validation, ensemble, reliable
from hume.experiments.baselines.kmeans import concatenate
from hume.experiments.baselines.kmeans import kmeans as kmeans_of
from hume.experiments.baselines.turtle import turtle as turtle_of
from hume.runs.refinement import Refinement

NEIGHBORS = 500  # of Algorithm G1
TURTLE_TRIED, TURTLE_ITERATIONS = 20, 6000  # iterations that predict the time, and the published number
TURTLE_SECONDS, TURTLE_LESS = 100.0, 25.0  # the published number if it takes no longer, else as many as this allows


def scores(job: Job) -> Measured:
    dataset, labelings = job.load(), labelings_of(job)
    phi2 = space_rows.as_tensor(dataset.space(dataset.default_pair[1]), job.device)
    with Clock(job.device) as clock:
        cv_scores = cross_validation.cross_validation_scores(
            phi2, torch.from_numpy(labelings), dataset.num_classes or 0
        )
    what = f"cross-validation, {len(labelings)} labelings"
    return measured(
        clock,
        what,
        cv_score=float(cv_scores.mean()),
        cv_scores=cv_scores,
        counts={"the score of a labeling": len(labelings)},
        ours=True,
    )


def sklearn_scores(job: Job) -> Measured:
    dataset, labeling = job.load(), labelings_of(job)[0]
    phi2 = space_rows.as_tensor(dataset.space(dataset.default_pair[1]))
    ridge = whitening.RIDGE_SHARE * phi2.var(0, correction=0).sum().item()
    model = LogisticRegression(C=1 / (ridge * 0.9 * len(phi2)), fit_intercept=False, max_iter=1000)
    folds = KFold(10, shuffle=True, random_state=0)
    with Clock("cpu") as clock:
        score = cross_val_score(model, phi2.numpy(), labeling, cv=folds).mean()
    ours = cv_of(job, dataset, labeling)
    note = f"cross_val_score(LogisticRegression); ours of the same: {ours:.4f}"
    counts = {"the score of a labeling": 1}
    return measured(clock, "scikit-learn's, ONE labeling", cv_score=float(score), note=note, counts=counts)


def neighbors(job: Job) -> Measured:
    dataset = job.load()
    features = dataset.space(dataset.default_pair[0]).features
    anything = np.zeros(len(features), np.int64)
    with Clock(job.device) as clock:
        reliable.neighbor_agreement(features, anything, NEIGHBORS, device=job.device)
    what, note = f"neighbours, exact, k = {NEIGHBORS}", "with the counts of Algorithm G1"
    return measured(clock, what, note=note, counts={"neighbours": 1}, ours=True)


def sklearn_neighbors(job: Job) -> Measured:
    dataset = job.load()
    rows = space_rows.unit_rows(dataset.space(dataset.default_pair[0]), centre=False).numpy()
    with Clock("cpu") as clock:
        NearestNeighbors(n_neighbors=min(NEIGHBORS, len(rows) - 1), algorithm="brute").fit(rows).kneighbors()
    what, note = f"scikit-learn's, k = {NEIGHBORS}", "brute force; without counts"
    return measured(clock, what, note=note, counts={"neighbours": 1})


def vote(job: Job) -> Measured:
    dataset, labelings = job.load(), labelings_of(job)
    cv_scores = np.zeros(len(labelings)) if job.cv_scores is None else job.cv_scores
    with Clock("cpu") as clock:
        voted = ensemble.majority_vote(labelings, cv_scores, dataset.num_classes or 0)
    cv_score, acc = cv_of(job, dataset, voted.labeling), accuracy(dataset, voted.labeling)
    return measured(clock, f"vote of {len(labelings)} labelings", cv_score=cv_score, acc=acc)


def refinement(job: Job) -> Measured:
    dataset, labelings = job.load(), labelings_of(job)
    phi1, phi2 = dataset.default_pair
    config, _ = hume.preset("fast", num_classes=dataset.num_classes or 0, num_samples=dataset.num_samples)
    with Clock(job.device) as clock:
        stage = Refinement.of(dataset, phi1, phi2, config, np.ones(dataset.num_samples, bool), job.device)
        refined = stage.refine(labelings.astype(np.int32))
        final = stage.final(refined, len(labelings))
    note = f"{refined.steps.mean():.0f} steps a seed; ACC of the vote of the most likely fifth, refined once more"
    return measured(clock, f"refinement, {len(labelings)} labelings", acc=accuracy(dataset, final.labeling), note=note)


def kmeans(job: Job) -> Measured:
    dataset = job.load()
    both = concatenate(*features_of(dataset))
    with Clock("cpu") as clock:
        result = kmeans_of(both, dataset.num_classes or 0)
    best = result.labelings[result.inertia.argmin()]
    return measured(
        clock,
        f"k-means (scikit-learn), {len(result.labelings)} restarts",
        cv_score=cv_of(job, dataset, best),
        acc=accuracy(dataset, best),
        note="both spaces; scores of the restart with the least inertia",
        counts={"a labeling": len(result.labelings)},
    )


def turtle(job: Job) -> Measured:
    """One seed, as published if that takes no more than `TURTLE_SECONDS`, else fewer iterations."""
    dataset = job.load()
    both, K = features_of(dataset), dataset.num_classes or 0
    turtle_of(both, K, num_iterations=3, device=job.device)  # warm
    seconds = turtle_of(both, K, num_iterations=TURTLE_TRIED, device=job.device).seconds / TURTLE_TRIED
    count, note = TURTLE_ITERATIONS, f"loss {{loss:.2f}}; {TURTLE_ITERATIONS:,} iterations, as published, warm start"
    if seconds * count > TURTLE_SECONDS:
        count = max(100, math.floor(TURTLE_LESS / seconds / 100) * 100)
        note = f"loss {{loss:.2f}}; {count:,} of the {TURTLE_ITERATIONS:,} published iterations, warm start"
    with Clock(job.device) as clock:
        result = turtle_of(both, K, num_iterations=count, device=job.device)
    return measured(
        clock,
        "TURTLE, 1 seed",
        cv_score=cv_of(job, dataset, result.labeling),
        acc=accuracy(dataset, result.labeling),
        note=note.format(loss=result.loss),
        counts={"a labeling": count / TURTLE_ITERATIONS},
    )
