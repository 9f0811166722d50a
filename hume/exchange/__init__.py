"""Import from and export to other programs' formats: the authors' releases, files and folders, training libraries."""
