"""The baselines that HUME is compared with: what each does, its settings and what it leaves out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from hume.experiments.baselines import running
from hume.experiments.baselines.scan import scan
from hume.experiments.baselines.task import Method
from hume.experiments.baselines.temi import temi

__all__ = ["BASELINES", "Baseline", "Uses"]

Uses: TypeAlias = Literal["phi1", "phi2", "both"]


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """One method on one choice of spaces."""

    key: str
    title: str
    does: str  # one sentence, or a few
    source: str
    left_out: str  # of what was published
    uses: Uses
    num_seeds: int
    quick_seeds: int
    full: str  # the settings of a full run, as text
    quick: str  # and of a quick one
    needs_labels: bool = False
    run: Method = field(repr=False)
    full_settings: Mapping[str, Any] = field(default_factory=dict, repr=False)
    quick_settings: Mapping[str, Any] = field(default_factory=dict, repr=False)


_ON: dict[Uses, str] = {"phi1": "φ1", "phi2": "φ2", "both": "φ1 and φ2"}


def _kmeans(key: str, uses: Uses) -> Baseline:
    return Baseline(
        key=key,
        title=f"k-means on {_ON[uses]}",
        does="Clusters the rows, brought to unit length, around one centre a class; every restart counts.",
        source="Table 2 of the paper, which averages over 100 runs; scikit-learn's KMeans, k-means++ starts",
        left_out="nothing",
        uses=uses,
        num_seeds=100,
        quick_seeds=30,
        full="100 restarts by default, as in the paper",
        quick="30 restarts by default instead of 100",
        run=running.run_kmeans,
    )


def _turtle(key: str, uses: Uses, *, warm: bool = True) -> Baseline:
    start = "warm" if warm else "cold"
    return Baseline(
        key=key,
        title=f"TURTLE on {_ON[uses]}, {start} start",
        does="Searches for the labeling that linear classifiers fit best in every space, by first-order steps.",
        source="Gadetsky, Jiang and Brbić (ICML 2024)",
        left_out="the choice of step sizes and of the start by cross-validation",
        uses=uses,
        num_seeds=5,
        quick_seeds=5,
        full="6,000 iterations in batches of 10,000, as published",
        quick="1,000 iterations in batches of 512 instead of 6,000 of 10,000",
        run=running.run_turtle,
        full_settings={"warm_start": warm},
        quick_settings={"warm_start": warm, "num_iterations": 1000, "batch_size": 512},
    )


def _probe(key: str, uses: Uses) -> Baseline:
    return Baseline(
        key=key,
        title=f"linear probe on {_ON[uses]}",
        does="Fits the true labels by logistic regression and predicts held-out rows: the upper bound.",
        source="Sec. 3.1 and Table 1 of the paper; scikit-learn's LogisticRegression",
        left_out="nothing; the ridge, which the paper does not give, is chosen on a held-out fifth of the train rows",
        uses=uses,
        num_seeds=1,
        quick_seeds=1,
        full="ridge chosen among 4",
        quick="ridge chosen among 4",
        needs_labels=True,
        run=running.run_probe,
    )


_SCAN = Baseline(
    key="scan",
    title="SCAN head on φ1",
    does="Trains linear heads that give a sample the class of its nearest neighbours and use all classes evenly.",
    source="Van Gansbeke et al. (ECCV 2020), with the settings of their runs that train the head only",
    left_out="augmented images, and self-labeling, which fine-tunes the network",
    uses="phi1",
    num_seeds=10,
    quick_seeds=5,
    full="10 heads a seed, 2,000 steps of 512 rows: 100 passes over 10,000 rows, as published",
    quick="10 heads a seed, 1,000 steps of 512 rows instead of 2,000",
    run=running.run_heads(scan),
    quick_settings={"num_iterations": 1000},
)
_SPICE = Baseline(
    key="spice",
    title="SPICE-Self on φ1",
    does="Trains heads on pseudo-labels: each class is given to the samples nearest to the mean of its surest ones.",
    source="Niu, Shan and Wang (IEEE TIP 2022), with the settings for CIFAR-10",
    left_out="weak and strong augmentation of images, and SPICE-Semi, which retrains the network",
    uses="phi1",
    num_seeds=5,
    quick_seeds=3,
    full="10 heads a seed, 100 epochs of 8 passes, as published",
    quick="3 heads a seed instead of 10, 5 to 100 epochs of 1 pass (20 for 10,000 rows) instead of 100 of 8",
    run=running.run_spice,
    quick_settings={"num_heads": 3, "rows_learned": 200_000, "num_repeats": 1},
)
_TEMI = Baseline(
    key="temi",
    title="TEMI on φ1",
    does="Trains heads for mutual information with a neighbour's class, each with a moving average as its teacher.",
    source="Adaloglou et al. (BMVC 2023), with the settings of the repository's example",
    left_out="50 heads a seed, as in the paper, for the example's 16",
    uses="phi1",
    num_seeds=5,
    quick_seeds=3,
    full="16 heads of three layers a seed, 5,000 steps of 1,024 rows: 100 passes over CIFAR-10, as published",
    quick="8 heads of one layer a seed instead of 16 of three, 5,000 steps of the same size on 256 rows, not 1,024",
    run=running.run_heads(temi),
    quick_settings={"num_heads": 8, "hidden": (), "batch_size": 256},
)
_GAUSSIANS = Baseline(
    key="gmm-both",
    title="Gaussian mixture on φ1 and φ2",
    does="Fits one Gaussian a class, all of one covariance, to the whitened rows of both spaces; the likeliest start "
    "counts.",
    source="scikit-learn's GaussianMixture, k-means starts",
    left_out="nothing; of each space the 64 leading directions are used, or as many as a quarter of the rows",
    uses="both",
    num_seeds=10,
    quick_seeds=3,
    full="10 starts a seed",
    quick="2 starts a seed instead of 10",
    run=running.run_gaussian_mixture,
    quick_settings={"starts": 2},
)
_SPECTRAL = Baseline(
    key="spectral-both",
    title="spectral clustering on φ1 and φ2",
    does="Cuts the graph of nearest neighbours, summed over both spaces, where few edges are lost.",
    source="Shi and Malik (2000); scikit-learn's SpectralClustering",
    left_out="nothing; 10 neighbours by cosine in each space",
    uses="both",
    num_seeds=10,
    quick_seeds=5,
    full="10 neighbours in each space, 10 seeds by default",
    quick="10 neighbours in each space, 5 seeds by default instead of 10",
    run=running.run_spectral,
)
_DIFFUSION = Baseline(
    key="diffusion-both",
    title="diffusion map of φ1 and φ2, k-means",
    does="Places rows by random walks of 4 steps on the graph of neighbours of both spaces, and clusters them.",
    source="Coifman and Lafon (2006), unit rows as in Ng, Jordan and Weiss (2001); SciPy's eigsh",
    left_out="weights of edges by distance",
    uses="both",
    num_seeds=100,
    quick_seeds=30,
    full="10 neighbours in each space, two directions a class, 100 restarts of k-means by default",
    quick="10 neighbours in each space, two directions a class, 30 restarts of k-means by default instead of 100",
    run=running.run_diffusion,
)
_QUICK_UMAP: Mapping[str, Any] = MappingProxyType({"num_neighbors": 15, "num_epochs": 200})
_UMAP_KMEANS = Baseline(
    key="umap-kmeans",
    title="UMAP of φ1 and φ2, k-means",
    does="Lays out the rows of both spaces side by side in two dimensions and clusters the layout around centres.",
    source="McInnes, Healy and Melville (2018); umap-learn with the settings of its documentation for clustering",
    left_out="nothing",
    uses="both",
    num_seeds=10,
    quick_seeds=3,
    full="30 neighbours, 500 epochs up to 10,000 rows and 200 beyond, 10 seeds by default",
    quick="15 neighbours instead of 30, 200 epochs, 3 seeds by default instead of 10",
    run=running.run_umap_kmeans,
    quick_settings=_QUICK_UMAP,
)
_UMAP_HDBSCAN = Baseline(
    key="umap-hdbscan",
    title="UMAP of φ1 and φ2, HDBSCAN",
    does="Finds dense clusters of the same layout, each at least a tenth of an even class, and the finest ones where "
    "there are fewer than K: the K largest stay, all other rows and noise go to the nearest, fewer are fewer classes.",
    source="Campello, Moulavi and Sander (2013); umap-learn and scikit-learn's HDBSCAN",
    left_out="a choice of the least size by hand",
    uses="both",
    num_seeds=10,
    quick_seeds=3,
    full=_UMAP_KMEANS.full,
    quick=_UMAP_KMEANS.quick,
    run=running.run_umap_hdbscan,
    quick_settings=_QUICK_UMAP,
)

BASELINES: Mapping[str, Baseline] = MappingProxyType(
    {
        baseline.key: baseline
        for baseline in (
            _probe("probe-phi1", "phi1"),
            _probe("probe-phi2", "phi2"),
            _probe("probe-both", "both"),
            _kmeans("kmeans-phi1", "phi1"),
            _kmeans("kmeans-phi2", "phi2"),
            _kmeans("kmeans-both", "both"),
            _GAUSSIANS,
            _SPECTRAL,
            _DIFFUSION,
            _UMAP_KMEANS,
            _UMAP_HDBSCAN,
            _SCAN,
            _SPICE,
            _TEMI,
            _turtle("turtle-phi1", "phi1"),
            _turtle("turtle-phi2", "phi2"),
            _turtle("turtle-both", "both"),
            _turtle("turtle-both-cold", "both", warm=False),
        )
    }
)
