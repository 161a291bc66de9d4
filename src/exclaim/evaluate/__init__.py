"""Metrics, intervals and cost of a model file. Needs no torch."""
