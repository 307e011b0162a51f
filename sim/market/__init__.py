"""What the world does to prices: paths, feeds and exit venues."""
