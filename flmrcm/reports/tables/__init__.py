"""Numbers as tables: in a terminal, for a paper, about the runs themselves."""
