"""Price files in the shapes that people have, one job per module:

sheet      the file as rows of text: CSV with any separator, or JSON
instants   texts as times
numbers    texts as numbers
columns    which column is what
rows       how a refusal names rows
reading    the prices at rising times, what was understood in one line, and what is refused
"""
