"""Methods side by side: baselines, negative controls, ablations, numbers of classes, trust."""
