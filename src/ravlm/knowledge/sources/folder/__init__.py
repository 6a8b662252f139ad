"""One's own folder as a source: Markdown, text, HTML, PDF, and pictures with captions."""
