"""Retrieval's files that other programs read and write: BEIR folders, TREC runs and judgements."""
