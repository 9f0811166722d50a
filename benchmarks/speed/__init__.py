"""Speed of the search and of the steps after it, compared with other implementations: `python -m benchmarks.speed`.

    python -m benchmarks.speed                                       # digits, the embedded pair, CIFAR-10 size
    python -m benchmarks.speed --sizes digits --seeds 4              # a smoke test
    python -m benchmarks.speed --sizes cifar --only search scores    # some rows
    python -m benchmarks.speed --sizes imagenet --scale 0.02 --seeds 10
    python -m benchmarks.speed --csv speed.csv --plot speed.html     # nothing is written otherwise

Run it on an idle machine: it reports how many cores other processes used. Every row has its own process, for its peak
memory, with Python, torch and the data. Nothing is asserted.

Neither pytest-benchmark nor asv does this: rows take up to minutes and run once, and one table has their seconds, the
peak memory of their process, their share of a plain matrix product, and the quality of their results.
"""
