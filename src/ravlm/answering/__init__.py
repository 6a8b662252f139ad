"""A model, its knowledge base and a question become a cited answer."""
