"""What runs reached, as one page that opens offline: the paper's tables and figures, and ours beside them.

Here live the reading of run folders, the tables, the drawings and the page; a file for each. Nothing here measures by
itself: figures come from :mod:`exclaim.evaluate`, answers from the models' files.
"""
