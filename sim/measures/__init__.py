"""Pure functions on the frames of a tape: they read no file and draw nothing."""
