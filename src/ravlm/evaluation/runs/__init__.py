"""What an evaluation leaves behind: what was answered from which evidence, and all that can be worked out of it."""
