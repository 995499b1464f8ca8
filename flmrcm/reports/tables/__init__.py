"""Tables of words: for terminals, pages and papers, and about the runs themselves."""
