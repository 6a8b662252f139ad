"""Vectors of what an index ranks: on the disk, and searched by faiss."""
