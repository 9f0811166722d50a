"""Experiments: baselines, negative controls, ablations, numbers of classes, trust."""
