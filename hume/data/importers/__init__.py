"""Import images, tables, arrays and archives of other programs into a dataset."""
