"""What a build says: the running stages, the memory bars, ``report.json`` and the pages made of it."""
