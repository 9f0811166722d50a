"""Parts of pages: the sidebar, progress, adding data, computing spaces, launching, exporting."""
