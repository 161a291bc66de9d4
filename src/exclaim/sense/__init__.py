"""The device: capture, gate, frames, outbox. Imports neither edge nor decide."""
