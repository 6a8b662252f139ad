"""Benchmarks as their authors publish them become datasets (`write_published`), and are compared with what is published."""  # noqa: E501
