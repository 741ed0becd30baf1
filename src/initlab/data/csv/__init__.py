"""A CSV file as a data set: `file` finds its text and its columns' names, `table` reads it with pandas,
`numbers` knows how numbers are written, `columns` turns columns into inputs, `module` is the data module."""
