"""How fast the search and what follows it are, beside other ways to do the same: `python -m benchmarks.speed`.

    python -m benchmarks.speed                                       # digits, the embedded pair, CIFAR-10 size
    python -m benchmarks.speed --sizes digits --seeds 4              # to see that it works
    python -m benchmarks.speed --sizes cifar --only search scores    # some rows
    python -m benchmarks.speed --sizes imagenet --scale 0.02 --seeds 10
    python -m benchmarks.speed --csv speed.csv --plot speed.html     # nothing is written otherwise

Run it on a machine that does nothing else: it says how many cores other processes kept busy. Every row has a process
of its own, so that its peak memory, with Python, torch and the data, is its own. Nothing is asserted.

Neither pytest-benchmark nor asv does this: rows take up to minutes and run once, and one table is to hold their
seconds, the peak memory of their own process, their share of a plain matrix product, and how good what they found is.
"""
