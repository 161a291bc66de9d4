"""One file per corpus; manifests, splits and the leak check. Nothing here knows of models."""
