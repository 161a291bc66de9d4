"""Where models come from: networks, augmentation, losses, the one training loop. Needs the `learn` extra (torch)."""
