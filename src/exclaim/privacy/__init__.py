"""Attacks on condensed sets: what a set, or a network trained on it, tells of whose clips it was made from.

``recipe`` says what is attacked and how; ``halves`` draws who is in and who is out; ``shadow`` makes the sets and
networks of one half; ``lira`` and ``speakers`` are the attacks, ``neighbours`` a distance that nobody has to learn;
``roc`` turns scores into figures with intervals; ``attack`` does all of it, from a recipe to a report; ``verdict`` says
what passes. Needs the `learn` extra (torch).

What is not here: how a set is made (:mod:`exclaim.condense`), and how its file is written
(:mod:`exclaim.corpora.condensed`).
"""
