"""Data distillation: a corpus in a few hundred synthetic windows. Needs the `learn` extra (torch).

``recipe`` says what is condensed and how; ``methods`` holds one file for each way; ``experts`` trains and keeps the
trajectories that one of them matches; ``loop`` learns items step by step and goes on where it stopped; ``condense``
does all of it, from a recipe to a sealed set.

What is not here: the set's file (:mod:`exclaim.corpora.condensed`), and training on it, which is `exclaim train`
(:mod:`exclaim.learn.condensed`).
"""
