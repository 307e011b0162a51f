"""What the commands do for someone who watches: run it, show how far it is, say what it came to."""
