"""Writes one dataset folder."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def save(
    out: Path,
    name: str,
    images: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    spaces: dict[str, NDArray[np.float32]],
    card: dict,
    columns: dict[str, NDArray[np.float64]] | None = None,
) -> None:
    """Write one dataset folder: card.json, images.npz, labels.npy, columns.csv if any, spaces/*.npy in float16."""
    folder = out / name
    (folder / "spaces").mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / "images.npz", images=images)
    np.save(folder / "labels.npy", labels.astype(np.uint8))
    if columns:
        table = np.column_stack(list(columns.values()))
        np.savetxt(folder / "columns.csv", table, "%g", ",", header=",".join(columns), comments="")
    for space, features in spaces.items():
        np.save(folder / "spaces" / f"{space}.npy", features.astype(np.float16))
    (folder / "card.json").write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{folder}: {len(images)} images, {size / 1e6:.1f} MB", flush=True)
