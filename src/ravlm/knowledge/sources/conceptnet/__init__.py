"""ConceptNet's assertions file: edges read line by line, grouped by the concept they start from, put into sentences."""
