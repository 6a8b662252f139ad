"""Training: the picture matching first, then the reading; resumable at any checkpoint."""
