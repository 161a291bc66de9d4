"""The demo: a scene of three devices, its sounds, and the table that shows what was decided.

It writes sound files and a configuration and starts ``exclaim sense | edge | decide``; it imports no layer.
"""
