"""What was fused becomes an answer."""
