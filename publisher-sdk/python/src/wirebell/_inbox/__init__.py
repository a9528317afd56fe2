"""The inbox: what clients emit, as the jobs of a worker."""
