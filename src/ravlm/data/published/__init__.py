"""Benchmarks as their authors publish them: made into datasets (`write`), compared with what is published (`check`)."""
