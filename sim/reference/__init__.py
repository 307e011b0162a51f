"""What may stand in files and what is written to tables, out of the models themselves."""
