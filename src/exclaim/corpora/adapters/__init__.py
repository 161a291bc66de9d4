"""One file per corpus. Each module defines ``ADAPTER``, and that alone makes the corpus known to the registry."""
