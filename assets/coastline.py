"""Write the outline of the land behind maps by longitude and latitude: `python assets/coastline.py land-110m.json`.

The file is of the npm package world-atlas 2.0.2 (ISC; `npm pack world-atlas`), which holds Natural Earth's land at
1:110 million, in the public domain (naturalearthdata.com).
"""

import json
import sys
from pathlib import Path

import numpy as np

OUT = Path(__file__).parents[1] / "hume" / "reporting" / "maps" / "coastline.npy"


def main() -> None:
    topology = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    scale, shift = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs = [np.cumsum(np.array(arc), axis=0) * scale + shift for arc in topology["arcs"]]
    rings = []
    for shape in topology["objects"]["land"]["geometries"]:
        for polygon in shape["arcs"]:
            for ring in polygon:
                parts = [arcs[i] if i >= 0 else arcs[~i][::-1] for i in ring]
                whole = np.concatenate([parts[0], *(part[1:] for part in parts[1:])])
                jumps = np.flatnonzero(np.abs(np.diff(whole[:, 0])) > 180) + 1  # over the 180th meridian
                for line in np.split(whole, jumps):
                    rings += [line, np.full((1, 2), np.nan)]
    np.save(OUT, np.concatenate(rings[:-1]).astype(np.float32))
    print(f"{OUT}: {OUT.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
