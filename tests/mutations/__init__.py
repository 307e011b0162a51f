"""Mistakes put into contract and twin alike, and whether random operations notice: make mutate."""
