"""Colour spaces against published figures, and their profiles as little CMS understands them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from stacker.colour.spaces import ADOBE_RGB, DISPLAY_P3, PROPHOTO, SPACES, SRGB, ColourSpace, find_space
from stacker.errors import UserError

PUBLISHED = {
    # Columns red, green, blue of profiles in use: HP's sRGB IEC61966-2.1, Apple's Display P3, Adobe's
    # Adobe RGB (1998), Kodak's ProPhoto RGB. Their makers rounded in their own ways.
    "srgb": [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]],
    "p3": [[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]],
    "adobe-rgb": [[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]],
    "prophoto": [[0.79767, 0.13519, 0.03134], [0.28804, 0.71188, 0.00009], [0.0, 0.0, 0.82491]],
}

EVERY = [form for space in SPACES.values() for form in (space, space.linear)]


@pytest.mark.parametrize("key", SPACES)
def test_primaries_are_the_published_ones(key: str) -> None:
    np.testing.assert_allclose(SPACES[key].to_xyz_d50, PUBLISHED[key], atol=3e-4)


@pytest.mark.parametrize("space", EVERY, ids=lambda space: space.key)
def test_profiles_are_understood(space: ColourSpace) -> None:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(space.icc)).profile
    assert len(space.icc) == int.from_bytes(space.icc[:4], "big") < 1000
    assert profile.profile_description == space.title
    assert profile.xcolor_space.strip() == "RGB"
    found = np.array([profile.red_colorant[0], profile.green_colorant[0], profile.blue_colorant[0]]).T
    np.testing.assert_allclose(found, space.to_xyz_d50, atol=3e-5)
    np.testing.assert_allclose(found.sum(axis=1), [0.9642, 1.0, 0.8249], atol=1e-5)
    white = np.linalg.inv(profile.chromatic_adaptation[0]) @ profile.media_white_point[0]
    np.testing.assert_allclose(white[:2] / white.sum(), space.white, atol=1e-4)


@pytest.mark.parametrize("space", SPACES.values(), ids=lambda space: space.key)
def test_grey_profiles_have_the_curve_of_the_space(space: ColourSpace) -> None:
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    grey, colour = (ImageCms.ImageCmsProfile(io.BytesIO(icc)) for icc in (space.icc_grey, space.icc))
    assert ImageCms.getProfileDescription(grey).strip() == f"Grey, tone curve of {space.title}"
    shown = ImageCms.profileToProfile(
        ramp, grey, colour, ImageCms.Intent.RELATIVE_COLORIMETRIC, outputMode="RGB"
    )
    off = np.abs(np.asarray(shown).astype(int) - np.asarray(ramp)[..., None])
    assert off.max() <= 1


@given(sample=st.floats(0, 1))
def test_curves_are_undone(sample: float) -> None:
    for space in EVERY:
        light = space.curve.decode(np.array(sample))
        assert float(space.curve.encode(light)) == pytest.approx(sample, abs=1e-9)


def test_curves_have_the_values_of_their_standards() -> None:
    assert float(SRGB.curve.decode(np.array(0.5))) == pytest.approx(0.2140411, abs=1e-6)  # IEC 61966-2-1
    assert float(SRGB.curve.decode(np.array(0.02))) == pytest.approx(0.02 / 12.92)
    assert float(ADOBE_RGB.curve.decode(np.array(0.5))) == pytest.approx(0.5**2.19921875)
    assert float(PROPHOTO.curve.encode(np.array(0.18))) == pytest.approx(0.18 ** (1 / 1.8))
    assert SRGB.linear.curve.linear
    assert not SRGB.curve.linear
    np.testing.assert_array_equal(SRGB.linear.to_xyz_d50, SRGB.to_xyz_d50)


@pytest.mark.parametrize(
    ("name", "space"),
    [
        ("sRGB", SRGB),
        ("srgb", SRGB),
        ("Display-P3", DISPLAY_P3),
        ("p3", DISPLAY_P3),
        ("AdobeRGB", ADOBE_RGB),
        ("Adobe RGB (1998)", ADOBE_RGB),
        ("adobe_rgb", ADOBE_RGB),
        ("ProPhoto RGB", PROPHOTO),
        ("romm", PROPHOTO),
    ],
)
def test_usual_spellings_are_accepted(name: str, space: ColourSpace) -> None:
    assert find_space(name) is space


def test_an_unknown_space_is_named() -> None:
    with pytest.raises(UserError, match=r"--colour-space is one of srgb, p3, adobe-rgb, prophoto, not cmyk"):
        find_space("cmyk")
