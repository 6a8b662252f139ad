"""From files to vectors, at the speed of an encoder's forward, and computed once."""
