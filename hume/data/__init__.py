"""Datasets that people bring: pictures and features in, one folder a dataset out."""
