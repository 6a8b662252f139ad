"""Wikipedia in any language, out of the dumps that the Wikimedia Foundation publishes (`pages-articles`)."""
