"""Label a table with a language model: texts and a question in, a column of labels for each question out."""
