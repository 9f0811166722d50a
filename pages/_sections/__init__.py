"""Parts of pages: the sidebar, progress, adding data, making spaces, launching, exporting."""
