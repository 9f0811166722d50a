"""Everything to know of one GPU in under four minutes: `python -m benchmarks.gpu`.

    python -m benchmarks.gpu                                  # all parts; writes gpu.json and gpu.md
    python -m benchmarks.gpu --only cifar variants --again    # some parts, measured anew
    python -m benchmarks.gpu --device cpu --small             # a smoke test without a GPU

Is it right: labelings, scores, refinement and neighbours beside those of the CPU, and what a search does that runs out
of memory. How fast: 100 seeds with scores and refinement at the size of CIFAR-10, the share of the GPU's rate of
matrix products, the paper's preset. What CUDA graphs and `torch.compile` would bring. Every part has its own process,
and what was measured is kept at once: an interrupted run goes on where it stood.
"""
