"""The edge server: ingest, infer in batches, episodes, outbox. Imports neither sense nor decide."""
