"""The site of docs/: the build of it, and the pages that are generated."""
