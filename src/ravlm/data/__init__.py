"""Files become examples: datasets in the format, and what is made into them."""
