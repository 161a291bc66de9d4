"""Sounds made by source and filter, for a demo without recordings. Each is a pure function of its seed.

A voiced source is a sum of harmonics (so nothing aliases); its pitch wavers (jitter, vibrato), its loudness
is rough (30-150 Hz modulation, the mark of screams: Arnal et al. 2015, Current Biology 25) and it may hold
subharmonics; breath noise goes with it. The filter is a vocal tract of five moving formants. Whatever is made
here is synthesised, is said to be so (``StreamInfo.origin``), and proves nothing about people.
"""

from typing import NamedTuple

import numpy as np

from exclaim.features import SAMPLE_RATE

__all__ = ["SOUNDS", "Voice", "synthesise"]

_BLOCK = 512  # samples of one filter block: 32 ms
_FORMANT_HZ = {  # F1, F2, F3 of an adult, Hz; F4 and F5 are the same for all
    "a": (850, 1350, 2700),
    "scream": (1150, 1750, 2900),
    "e": (550, 1850, 2600),
    "i": (320, 2250, 3000),
    "o": (520, 950, 2500),
    "u": (350, 850, 2400),
    "neutral": (520, 1500, 2500),
}


class Voice(NamedTuple):
    """How a voice sounds."""

    tilt_db: float = -9.0  # fall of the source's spectrum per octave; a scream is flat
    jitter: float = 0.004  # standard deviation of the pitch, as a share of it, below 40 Hz
    vibrato: float = 0.0  # depth as a share of the pitch, at 6 Hz
    roughness: float = 0.0  # depth of the 30-150 Hz modulation, 0 to 1
    subharmonic: float = 0.0  # amplitude of the component an octave below, 0 to 1
    breath: float = 0.02  # noise beside the harmonics, as a share of their RMS


def _smooth_noise(rng: np.random.Generator, samples: int, rate_hz: float) -> np.ndarray:
    """Return noise of unit variance that changes ``rate_hz`` times a second: (samples,)."""
    points = max(4, int(samples / SAMPLE_RATE * rate_hz) + 3)
    return np.interp(np.linspace(0, points - 1, samples), np.arange(points), rng.standard_normal(points))


def _curve(points: list[tuple[float, float]], samples: int) -> np.ndarray:
    """Return a line through (share of the duration, value) points: (samples,)."""
    where, values = zip(*points, strict=True)
    return np.interp(np.linspace(0, 1, samples), where, values)


def _source(pitch_hz: np.ndarray, voice: Voice, rng: np.random.Generator) -> np.ndarray:
    """Return the source of a pitch contour in Hz: (samples,), RMS near 1."""
    samples = pitch_hz.size
    seconds = np.arange(samples) / SAMPLE_RATE
    wobble = voice.jitter * _smooth_noise(rng, samples, 40) + voice.vibrato * np.sin(2 * np.pi * 6 * seconds)
    pitch_hz = pitch_hz * (1 + wobble)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / SAMPLE_RATE
    highest = int(7600 / max(60.0, float(pitch_hz.min())))
    wave = np.zeros(samples)
    for harmonic in range(1, highest + 1):
        audible = pitch_hz * harmonic < 7600
        wave += audible * harmonic ** (voice.tilt_db / 6.02) * np.sin(harmonic * phase)
        if voice.subharmonic and audible.any():
            half = harmonic - 0.5
            wave += voice.subharmonic * audible * half ** (voice.tilt_db / 6.02) * np.sin(half * phase)
    wave /= np.sqrt(np.mean(wave**2)) + 1e-9
    wave += voice.breath * rng.standard_normal(samples)
    rate_hz = 80 * 2 ** (0.6 * _smooth_noise(rng, samples, 5))  # the modulation wanders, as a voice's does
    rough = 1 + voice.roughness * np.sin(2 * np.pi * np.cumsum(np.clip(rate_hz, 30, 150)) / SAMPLE_RATE)
    return wave * rough


def _tract(frequencies_hz: np.ndarray, formants_hz: tuple[float, ...], scale: float) -> np.ndarray:
    """Return the gain of a vocal tract at some frequencies; ``scale`` is 1 for an adult, more for a child."""
    gain = np.ones_like(frequencies_hz)
    for number, formant in enumerate((*formants_hz, 3600, 4500)):
        centre, width = formant * scale, (60 + 0.06 * formant) * (1.6 if number == 0 else 1)
        resonance = centre**2 / (centre**2 - frequencies_hz**2 + 1j * width * frequencies_hz + 1e-9)
        gain = gain * (0.15 + np.minimum(np.abs(resonance), 12))
    return gain * (frequencies_hz / (frequencies_hz + 300))  # lips radiate treble


def _filtered(wave: np.ndarray, vowels: list[tuple[float, str]], scale: float) -> np.ndarray:
    """Filter a source by a tract that moves through (share of the duration, vowel): (samples,), peak 1."""
    where = [share for share, _ in vowels]
    table = np.array([_FORMANT_HZ[vowel] for _, vowel in vowels], float)
    padded = np.pad(wave, _BLOCK)
    out = np.zeros_like(padded)
    frequencies = np.fft.rfftfreq(_BLOCK, 1 / SAMPLE_RATE)
    window = np.hanning(_BLOCK + 1)[:-1]
    for begin in range(0, padded.size - _BLOCK + 1, _BLOCK // 2):
        share = begin / padded.size
        formants = tuple(float(np.interp(share, where, column)) for column in table.T)
        spectrum = np.fft.rfft(padded[begin : begin + _BLOCK] * window)
        out[begin : begin + _BLOCK] += np.fft.irfft(spectrum * _tract(frequencies, formants, scale), _BLOCK)
    return _peak_one(out[_BLOCK : _BLOCK + wave.size])


def _peak_one(wave: np.ndarray) -> np.ndarray:
    return wave / (np.abs(wave).max() + 1e-9)


def _samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE)


def _negative_scream(rng: np.random.Generator) -> np.ndarray:
    """A shriek of terror: it rises to the end, flat in spectrum, rough, broken by subharmonics."""
    samples = _samples(rng.uniform(1.1, 1.5))
    top = rng.uniform(950, 1350)
    pitch = top * _curve([(0, 0.45), (0.12, 0.7), (0.6, 0.88), (1, 1)], samples)
    voice = Voice(tilt_db=-4, jitter=0.018, roughness=0.5, subharmonic=0.3, breath=0.14)
    loudness = _curve([(0, 0), (0.06, 0.8), (0.5, 1), (0.93, 0.95), (1, 0)], samples)
    source = _source(pitch, voice, rng) * loudness
    return _filtered(source, [(0, "a"), (0.3, "scream"), (1, "scream")], 1.15)


def _positive_scream(rng: np.random.Generator) -> np.ndarray:
    """A shriek of joy: a clear "woo" whose pitch goes up and comes down again."""
    samples = _samples(rng.uniform(1.0, 1.25))
    top = rng.uniform(1050, 1300)
    pitch = top * _curve([(0, 0.4), (0.5, 1), (1, 0.4)], samples)
    voice = Voice(tilt_db=-6, jitter=0.012, vibrato=0.02, roughness=0.15, breath=0.1)
    loudness = _curve([(0, 0), (0.1, 0.7), (0.4, 1), (0.8, 0.9), (1, 0)], samples)
    source = _source(pitch, voice, rng) * loudness
    return _filtered(source, [(0, "u"), (0.5, "o"), (1, "u")], 1.15)


def _unclear_scream(rng: np.random.Generator) -> np.ndarray:
    """A shriek half way between the two: it rises, comes down a little, and is half rough."""
    samples = _samples(rng.uniform(1.1, 1.4))
    top = rng.uniform(950, 1200)
    pitch = top * _curve([(0, 0.42), (0.3, 0.85), (0.6, 1), (1, 0.85)], samples)
    voice = Voice(tilt_db=-5, jitter=0.015, vibrato=0.01, roughness=0.3, subharmonic=0.1, breath=0.12)
    loudness = _curve([(0, 0), (0.08, 0.75), (0.45, 1), (0.85, 0.92), (1, 0)], samples)
    source = _source(pitch, voice, rng) * loudness
    return _filtered(source, [(0, "u"), (0.5, "a"), (1, "o")], 1.15)


def _laugh(rng: np.random.Generator) -> np.ndarray:
    """Bursts of "ha", five a second, falling."""
    parts = []
    for number in range(int(rng.integers(5, 8))):
        voiced = _samples(rng.uniform(0.09, 0.13))
        pitch = np.linspace(1.08, 0.9, voiced) * 290 * 0.95**number
        wave = _source(pitch, Voice(tilt_db=-9, jitter=0.012, breath=0.2), rng) * np.hanning(voiced)
        breath = rng.standard_normal(_samples(0.09)) * 0.12
        parts += [breath * np.hanning(breath.size), wave * 0.93**number]
    return _filtered(np.concatenate(parts), [(0, "a"), (1, "neutral")], 1.05)


def _speech(rng: np.random.Generator) -> np.ndarray:
    """Babble: voiced syllables on a falling melody, with hisses and pauses between them; it says nothing."""
    vowels = [name for name in _FORMANT_HZ if name != "scream"]
    parts = []
    for number in range(int(rng.integers(9, 13))):
        voiced = _samples(rng.uniform(0.11, 0.24))
        melody = np.linspace(1 + rng.uniform(-0.1, 0.15), 1 - rng.uniform(0, 0.1), voiced)
        pitch = 132 * (1 - 0.02 * number) * melody
        wave = _source(pitch, Voice(tilt_db=-11, jitter=0.008), rng) * np.hanning(voiced) ** 0.6
        parts.append(_filtered(wave, [(0, str(rng.choice(vowels))), (1, str(rng.choice(vowels)))], 1.0))
        hiss = np.diff(rng.standard_normal(_samples(rng.uniform(0.04, 0.09)) + 1)) * 0.05
        parts.append(hiss * np.hanning(hiss.size) if rng.random() < 0.5 else np.zeros(hiss.size))
    return _peak_one(np.concatenate(parts))


def _sob(rng: np.random.Generator) -> np.ndarray:
    """Three low falling sobs with a breath before each."""
    parts = []
    for number in range(3):
        voiced = _samples(rng.uniform(0.28, 0.4))
        pitch = 175 * 0.95**number * np.linspace(1.1, 0.75, voiced)
        wave = _source(pitch, Voice(tilt_db=-15, jitter=0.02, vibrato=0.02, breath=0.06), rng) * np.hanning(voiced)
        breath = rng.standard_normal(_samples(0.15)) * np.hanning(_samples(0.15)) * 0.05
        parts += [breath, wave, np.zeros(_samples(0.1))]
    return _filtered(np.concatenate(parts), [(0, "o"), (1, "u")], 1.0)


def _ambience(rng: np.random.Generator) -> np.ndarray:
    """A room: 6 s of noise that falls 3 dB an octave and slowly swells, with a faint hum."""
    samples = _samples(6.0)
    frequencies = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE)
    spectrum = np.fft.rfft(rng.standard_normal(samples)) / np.sqrt(np.maximum(frequencies, 40))
    wave = np.fft.irfft(spectrum, samples) * (1 + 0.15 * _smooth_noise(rng, samples, 0.7))
    hum = np.sin(2 * np.pi * 100 * np.arange(samples) / SAMPLE_RATE)
    return _peak_one(_peak_one(wave) + 0.05 * hum)


SOUNDS = {
    "negative scream": _negative_scream,
    "positive scream": _positive_scream,
    "unclear scream": _unclear_scream,
    "laugh": _laugh,
    "speech": _speech,
    "sob": _sob,
    "ambience": _ambience,
}


def synthesise(sound: str, seed: int) -> np.ndarray:
    """Make one of :data:`SOUNDS`.

    Args:
        sound: its name, such as "negative scream".
        seed: the same seed gives the same samples.

    Returns:
        (samples,) float32 at 16 kHz with peak 1.

    Raises:
        KeyError: for a name that is not in SOUNDS.
    """
    return SOUNDS[sound](np.random.default_rng(seed)).astype(np.float32)
