"""Folders and files of results, whoever writes them: one at a time, and whole."""
