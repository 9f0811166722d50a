"""Searching over an existing Ray cluster: its GPUs each take a share of the seeds.

Ray holds one connection a process, prints where it likes and ends the process that is connected when the
cluster goes away. So `search` calls `driver.serve` in a process of its own (`hume.common.process`), which alone loads
Ray, and passes on what it reports; a server that searches over a cluster outlives it. What Ray sends is pickled:
connect to clusters that you trust.

Ray: Moritz et al. (OSDI 2018), arXiv:1712.05889; it is optional, see requirements-cluster.txt.
"""

from hume.runs.ray_cluster.client import check, offered, prepare_search, search

__all__ = ["check", "offered", "prepare_search", "search"]
