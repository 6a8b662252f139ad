"""Image, text and knowledge become one."""
