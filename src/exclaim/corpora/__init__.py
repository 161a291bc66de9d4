"""One file per corpus; manifests, splits and the leak check. Nothing here knows of models.

``adapters/`` holds one file per corpus: a file added there is a corpus added, with no other place to touch.
``clip`` and ``manifest`` hold the one data model, ``labels`` what a task calls each clip, ``splits`` who is
tested, ``check`` what is broken or leaks. ``sources`` says where the official releases are, ``acquire`` fetches them.
"""
