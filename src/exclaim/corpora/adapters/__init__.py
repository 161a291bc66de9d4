"""One file per corpus: a module that defines ``ADAPTER`` is all that makes a corpus known to the registry."""
