"""The shipped world: flags drawn from specifications, facts, prose and questions about their countries."""
