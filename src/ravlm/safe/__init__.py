"""One door for each danger: pictures are decoded here, files are written here, paths are resolved here."""
