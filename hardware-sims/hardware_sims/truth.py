"""What a stack of a scene should look like: everything in focus from one position, and its depth."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from hardware_sims.render import Frame, Renderer, Viewpoint
from hardware_sims.scene import Array
from hardware_sims.sensor import srgb_encode
from hardware_sims.world import World

__all__ = ["Truth"]


class Truth:
    """The truth about a world's scene, seen from a reference position.

    Parameters
    ----------
    world : World
        The world that made the frames.
    x_ref_mm : float
        Carriage position of the view.
    scale : float
        Pixels of the view per pixel of a frame.
    size_px : tuple of int, optional
        Width and height of the view; `scale` times the frame's when not given.
    f_number : float, optional
        For the diffraction in focus; the light's when not given.

    Notes
    -----
    The optical axis goes through the middle of both the view and the frames.
    """

    def __init__(
        self,
        world: World,
        x_ref_mm: float = 0.0,
        *,
        scale: float = 1.0,
        size_px: tuple[int, int] | None = None,
        f_number: float | None = None,
    ) -> None:
        if not scale > 0:
            raise ValueError(f"a view's scale must be above 0, not {scale}")
        sensor = world.sensor
        own = (round(sensor.width_px * scale), round(sensor.height_px * scale))
        self.size_px = size_px or own
        self.scale = scale
        self.x_ref_mm = x_ref_mm
        self.f_number = f_number or world.light.f_number
        self._pupil_mm = world.lens.pupil_distance_mm
        self._frame_px = (sensor.width_px, sensor.height_px)
        if scale == 1.0 and self.size_px == self._frame_px:
            self._renderer = world.renderer
        else:
            self._renderer = Renderer(world.scene, world.lens, Frame(*self.size_px, sensor.pitch_mm / scale))

    def linear(self) -> Array:
        """The view in linear light, 1 is white, not clipped; (h, w, 3) float32 RGB."""
        return self._renderer.render_sharp(Viewpoint(self.x_ref_mm), self.f_number)

    def view(self, bits: int = 8) -> Array:
        """The view as a camera without noise would give it: clipped, sRGB; (h, w, 3) uint8 or uint16 RGB.

        Raises
        ------
        ValueError
            For bits other than 8 or 16.
        """
        if bits not in (8, 16):
            raise ValueError(f"a view has 8 or 16 bits, not {bits}")
        white = 2.0**bits - 1.0
        return np.round(srgb_encode(self.linear()) * white).astype(np.uint8 if bits == 8 else np.uint16)

    def depth_mm(self) -> Array:
        """Depth of the nearest surface at each pixel of the view; (h, w) float32."""
        return self._renderer.depth_mm(Viewpoint(self.x_ref_mm), self.f_number)

    def magnified(self, position_mm: float) -> float:
        """Scale that lays what a frame has in focus on the view, in frame pixels: v/(v+x−x_ref)."""
        return self._pupil_mm / (self._pupil_mm + position_mm - self.x_ref_mm)

    def similarity(self, position_mm: float) -> Array:
        """Matrix (2, 3) from pixels of a frame to pixels of the view, for what the frame has in focus."""
        s = self.magnified(position_mm) * self.scale
        shift = [
            (size - 1) / 2.0 - s * (frame - 1) / 2.0
            for size, frame in zip(self.size_px, self._frame_px, strict=True)
        ]
        return np.array([[s, 0.0, shift[0]], [0.0, s, shift[1]]])

    def registered(self, frame: Array, position_mm: float) -> Array:
        """A frame laid on the view by its true transform; black where it does not reach."""
        warped = cv2.warpAffine(frame, self.similarity(position_mm), self.size_px, flags=cv2.INTER_CUBIC)
        return np.asarray(warped)

    def common(self, positions_mm: Sequence[float]) -> tuple[slice, slice]:
        """Rows and columns of the view that every frame covers, two pixels inside."""
        s = min(self.magnified(position) for position in positions_mm) * self.scale
        spans = []
        for size, frame in zip(self.size_px[::-1], self._frame_px[::-1], strict=True):
            margin = max(0.0, (size - s * frame) / 2.0)
            first = math.ceil(margin) + 2
            spans.append(slice(first, size - first))
        return spans[0], spans[1]

    def composite_by_depth(self, frames: Sequence[Array], positions_mm: Sequence[float]) -> Array:
        """The picture put together from frames by the true depth: the yardstick for fusion.

        Each pixel comes from the frame whose plane of focus is nearest to the true depth there, laid on the
        view by its true transform. Where that frame does not reach, the nearest one that does is taken.

        Parameters
        ----------
        frames : sequence of Array
            (h, w, 3) of one dtype.
        positions_mm : sequence of float
            True carriage position of each.
        """
        if len(frames) != len(positions_mm) or not frames:
            raise ValueError(f"{len(frames)} frames need as many positions, not {len(positions_mm)}")
        depth = self.depth_mm()
        best = np.full(depth.shape, np.inf, np.float32)
        picture = np.zeros((*depth.shape, frames[0].shape[2]), frames[0].dtype)
        inside = np.ones(frames[0].shape[:2], np.float32)
        for frame, position in zip(frames, positions_mm, strict=True):
            reached = self.registered(inside, position) > 0.999
            off = np.abs(depth - np.float32(position))
            nearer = reached & (off < best)
            np.copyto(best, off, where=nearer)
            np.copyto(picture, self.registered(frame, position), where=nearer[..., None])
        return picture
