"""The authors' releases: import as datasets and finished runs, and export.

HUME's layout, in one folder or with `tasks` inside `data`:

    data/representations/{φ}/{dataset}{train,test,traintest}[_l2].npy   (n, d) floating point
    data/labels/{dataset}{train,test,traintest}_targets.npy             (n,) integers
    tasks/{inductive,transductive}/{pair}/{dataset}/linear_task_{seed}.pt, results_{seed}.pickle

`_l2` files hold the rows with unit norm, which the authors use as φ1; `traintest` is the train
rows followed by the test rows; a pair is named after its two spaces, `moco_dino` for mocov2 and
dino. TURTLE's layout has the same first two folders, with `{dataset}_{train,val}.npy` in both, and
task checkpoints that are linear maps with a bias: its spaces are imported, its checkpoints are not.

Source: the repositories mlbio-epfl/hume and mlbio-epfl/turtle.
"""

from hume.exchange.releases.exporting import export_release
from hume.exchange.releases.importing import import_release
from hume.exchange.releases.records import (
    Part,
    Release,
    ReleaseDataset,
    ReleasePair,
    ReleaseReport,
    ReleaseSpace,
    SetAside,
)
from hume.exchange.releases.scan import scan_release

__all__ = [
    "Part",
    "Release",
    "ReleaseDataset",
    "ReleasePair",
    "ReleaseReport",
    "ReleaseSpace",
    "SetAside",
    "export_release",
    "import_release",
    "scan_release",
]
