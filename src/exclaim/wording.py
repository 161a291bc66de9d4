"""What people call the labels that are codes: the six emotions of speech, as CREMA-D abbreviates them."""

__all__ = ["in_words"]

_WORDS = {
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happiness",
    "NEU": "neutral",
    "SAD": "sadness",
}


def in_words(label: str) -> str:
    """Return what people call a label: "ANG" is "anger", "negative" stays as it is."""
    return _WORDS.get(label, label)
