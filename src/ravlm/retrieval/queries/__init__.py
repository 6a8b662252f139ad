"""Queries built from a picture and a question out of pieces, each of which says where it comes from and its weight."""
