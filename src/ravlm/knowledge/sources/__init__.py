"""Where knowledge comes from: WordNet, ConceptNet, Wikipedia, tables, folders, each read as a stream of entries."""
