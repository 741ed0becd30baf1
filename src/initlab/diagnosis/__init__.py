"""What is wrong with a run, from the rows that its monitor recorded."""
