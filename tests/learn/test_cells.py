"""Changes of windows: what a draw does to one batch it does to another, and gradients pass."""

import numpy as np
import torch

from exclaim.learn.cells import Change, changed, draw_change
from exclaim.learn.recipe import AugmentOptions

VIEW = (16, 24)
NOTHING = AugmentOptions(pitch_bands=(0, 0), tilt_db=(0, 0), time_masks=0, band_masks=0)
ALL = AugmentOptions(shift_frames=(-30, 30), pitch_bands=(-20, 20), time_mask_frames=60, band_mask_bands=40)


def change(**parts: np.ndarray) -> Change:
    plain = draw_change(NOTHING, VIEW, np.random.default_rng(0))
    return plain._replace(**parts)


def test_nothing_drawn_changes_nothing() -> None:
    windows = torch.rand(3, *VIEW) * 2 - 1
    assert changed(windows, change()).equal(windows)


def test_a_move_leaves_floor_behind_it_in_time_and_the_edge_band_across() -> None:
    windows = torch.rand(2, *VIEW)
    later = changed(windows, change(frames=np.array([3])))
    assert later[:, :, 3:].equal(windows[:, :, :-3])
    assert (later[:, :, :3] == -1).all()
    earlier = changed(windows, change(frames=np.array([-50])))
    assert (earlier == -1).all(), "further than the window"
    higher = changed(windows, change(bands=np.array([2])))
    assert higher[:, 2:].equal(windows[:, :-2])
    assert higher[:, 0].equal(windows[:, 0])


def test_a_tilt_is_in_decibels_from_the_lowest_to_the_highest_band() -> None:
    """6 dB over the bands: half below, half above; [-1, 1] spans 80 dB."""
    windows = torch.zeros(1, *VIEW)
    drawn = draw_change(
        AugmentOptions(pitch_bands=(0, 0), tilt_db=(6, 6), time_masks=0, band_masks=0), VIEW, np.random.default_rng(0)
    )
    tilted = changed(windows, drawn)[0, :, 0] * 40
    np.testing.assert_allclose([tilted[0], tilted[-1]], [-3, 3], atol=1e-5)


def test_a_mask_has_the_windows_mean() -> None:
    keep = np.ones((1, *VIEW), np.float32)
    keep[:, :, 4:9] = 0
    windows = torch.rand(2, *VIEW)
    masked = changed(windows, change(keep=keep))
    torch.testing.assert_close(masked[:, :, 5], windows.mean(dim=(1, 2))[:, None].expand(2, VIEW[0]))
    assert masked[:, :, :4].equal(windows[:, :, :4])


def test_one_draw_changes_two_batches_alike() -> None:
    """Siamese: the same parameters for real and synthetic windows, whatever their number."""
    rng = np.random.default_rng(5)
    real, synthetic = torch.rand(7, *VIEW) * 2 - 1, torch.rand(2, *VIEW) * 2 - 1
    synthetic[1] = real[4]
    drawn = draw_change(ALL, VIEW, rng)
    assert not changed(real, drawn).equal(real)
    assert changed(synthetic, drawn)[1].equal(changed(real, drawn)[4])


def test_each_window_may_have_its_own_draw() -> None:
    windows = torch.rand(1, *VIEW).expand(6, *VIEW) * 2 - 1
    drawn = draw_change(ALL, VIEW, np.random.default_rng(1), 6)
    apart = changed(windows, drawn)
    assert len({row.numpy().tobytes() for row in apart}) == 6
    alone = Change(*(part[3:4] for part in drawn))
    torch.testing.assert_close(changed(windows[3:4], alone), apart[3:4])


def test_gradients_pass_what_is_kept() -> None:
    windows = (torch.rand(2, *VIEW) * 2 - 1).requires_grad_()
    changed(windows, change(frames=np.array([5]))).sum().backward()
    assert (windows.grad[:, :, :-5] == 1).all(), "moved"
    assert (windows.grad[:, :, -5:] == 0).all(), "moved out"
