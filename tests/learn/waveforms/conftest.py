"""A small corpus of speech in CREMA-D's layout, and a tiny random checkpoint of each kind."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml

RATE = 16_000
EMOTIONS = {"ANG": 2600, "DIS": 300, "FEA": 1900, "HAP": 1300, "NEU": 520, "SAD": 850}  # Hz
KINDS = ("wav2vec2", "hubert", "wavlm")
HEADS = {"speech-emotion": {"labels": list(EMOTIONS)}}

Save = Callable[..., Path]


@pytest.fixture(scope="session")
def save_checkpoint() -> Save:
    """Write a checkpoint: ``save_checkpoint(folder, kind, **configuration)``."""
    transformers = pytest.importorskip("transformers", reason="needs transformers, of the extra `speech`")
    import torch
    from transformers.utils import logging

    logging.disable_progress_bar()
    models = {
        "wav2vec2": (transformers.Wav2Vec2Config, transformers.Wav2Vec2Model),
        "hubert": (transformers.HubertConfig, transformers.HubertModel),
        "wavlm": (transformers.WavLMConfig, transformers.WavLMModel),
    }

    def save(folder: Path, kind: str, **configuration: Any) -> Path:
        small = {
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 32,
            "conv_dim": (8, 8),
            "conv_kernel": (10, 8),
            "conv_stride": (8, 8),
            "num_feat_extract_layers": 2,
            "num_conv_pos_embeddings": 16,
            "num_conv_pos_embedding_groups": 2,
        }
        config, model = models[kind]
        torch.manual_seed(0)
        model(config(**(small | configuration))).save_pretrained(folder)
        (folder / "preprocessor_config.json").write_text('{"do_normalize": true, "sampling_rate": 16000}')
        return folder

    return save


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory, save_checkpoint: Save) -> Path:
    """A folder with one checkpoint of each kind, named after it."""
    root = tmp_path_factory.mktemp("checkpoints")
    for kind in KINDS:
        save_checkpoint(root / kind, kind)
    return root


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve actors who say each emotion as a tone of its own, for 0.3 to 0.7 s; and noise."""
    root = tmp_path_factory.mktemp("speech")
    rng = np.random.default_rng(0)
    (root / "crema-d/AudioWAV").mkdir(parents=True)
    for actor in range(1001, 1013):
        for emotion, frequency in EMOTIONS.items():
            times = np.arange(int(rng.uniform(0.3, 0.7) * RATE)) / RATE
            tone = 0.3 * np.sin(2 * np.pi * frequency * rng.uniform(0.95, 1.05) * times)
            samples = (tone + 0.001 * rng.standard_normal(times.size)).astype(np.float32)
            soundfile.write(root / f"crema-d/AudioWAV/{actor}_IEO_{emotion}_HI.wav", samples, RATE)
    (root / "noise/bus").mkdir(parents=True)
    for source in range(12):
        soundfile.write(root / f"noise/bus/maker-{source}.flac", 0.02 * rng.standard_normal(2 * RATE), RATE)
    return root


@pytest.fixture
def write_recipe(tmp_path: Path) -> Callable[..., Path]:
    """Write a recipe: ``write_recipe(name, network, **more)``."""

    def write(name: str, network: dict[str, Any], **more: Any) -> Path:
        recipe = {
            "name": name,
            "task": "speech-emotion",
            "bursts": ["crema-d"],
            "ambience": ["noise"],
            "heads": HEADS,
            "split": {"validation": 0.25, "test": 0.25, "seed": 5},
            "network": network,
            "schedule": {"epochs": 2, "batch": 8, "learning_rate": 0.01},
        }
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump(recipe | more))
        return path

    return write
