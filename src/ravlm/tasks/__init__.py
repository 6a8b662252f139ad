"""What one Example means: the batch it becomes and the answer it asks for."""
