"""What a reader sees: figures, tables and lines of text, made from tapes and measures."""
