"""The paper's algorithm: tensors in, labelings out; no disk and no dataset."""
