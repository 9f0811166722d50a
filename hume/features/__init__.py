"""Representation spaces of a dataset's images: pretrained networks, self-supervised training, derived spaces."""
