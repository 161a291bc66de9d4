"""One file for each way to condense: three that choose clips, three that learn items.

What chooses is a :class:`~exclaim.condense.method.Choosing`, what learns a :class:`~exclaim.condense.method.Matching`.
"""
