"""The pages of a textbook: an experiment that says what it must show, is run, checked and drawn."""
