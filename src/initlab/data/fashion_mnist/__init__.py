"""Fashion-MNIST: where its files come from, how they are checked, and the data module."""
