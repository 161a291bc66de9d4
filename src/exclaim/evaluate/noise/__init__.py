"""Clips under environment noise: which recordings, where they are cut, how they are mixed, what the model then answers.

The mixing is of waveforms, before the front-end. Nothing here knows how training mixes.
"""
