"""WordNet and its relatives: Princeton's database files (WNDB) and the Global WordNet Association's XML (WN-LMF)."""
