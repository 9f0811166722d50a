"""Images, tables, arrays and archives as other programs write them, read into a dataset."""
