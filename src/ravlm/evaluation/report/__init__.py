"""One self-contained page about one or several runs: scores beside one another, causes, charts, answers as cards."""
