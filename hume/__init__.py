"""Find the labels people would give a dataset, without any label.

    dataset = hume.load_dataset("fashion-mnist")
    result = hume.discover(dataset, num_classes=10, seeds=range(20))
    result.scores.vote.labeling

The method: Gadetsky and Brbić, "The Pursuit of Human Labeling" (NeurIPS 2023).
"""

import lazy_loader

__version__ = "0.2.0"  # the one place: the wheel and all pages read it here

# The names and where each is defined stand in __init__.pyi; a name's module is imported when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
