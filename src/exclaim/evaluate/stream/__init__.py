"""A model as a detector on hours of sound: events, what is said of each window, alarms, their matching, the figures.

Soundscapes to measure on are built here too. What judges labelled clips lives in the folder above. Needs no torch, but
scipy, which the extra ``learn`` brings.
"""
