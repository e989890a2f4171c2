"""``rig camera …``: a body alone: what is connected, is it ready, one frame, what it sees, frames by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from rig.cli.looks_options import LooksOptions
from rig.cli.option_groups import flattened, length_mm
from rig.cli.options import (
    ApertureOption,
    IsoOption,
    JsonOption,
    ShutterOption,
    SimulateOption,
    TimeScaleOption,
)
from rig.cli.stopping import stopping
from rig.errors import CameraError, UserError

if TYPE_CHECKING:
    from rig.cameras.base import LockRequest
    from rig.tether import Tether

__all__ = ["register"]

ConfigOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="The rig's TOML file. Else ./rig.toml, else your own, else the camera on USB.",
    ),
]
PortOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--port",
        metavar="PORT",
        help="Where the camera is: usb:001,004 or ptpip:192.168.1.20:15740:15740.",
    ),
]
WhiteBalanceOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--white-balance", metavar="NAME|KELVIN", help='As the body names it, "5200 K", or grey.'),
]
FormatOption: TypeAlias = Annotated[
    str | None, typer.Option("--format", metavar="NAME", help="Image format, as the body names it.")
]
OutOption: TypeAlias = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Folder of the frames; made when it is not there.")
]
AddressOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="[127.0.0.1:]PORT",
        help="Serve MJPEG there, for a browser or any program; port 0 takes a free one.",
    ),
]


@dataclass(frozen=True)
class CameraOptions:
    """Which camera is meant, real or simulated, and who reads the answer."""

    config: ConfigOption = None
    port: PortOption = None
    simulate: SimulateOption = False
    time_scale: TimeScaleOption = None
    as_json: JsonOption = False

    def tether(self, here_is_mm: float | None = None) -> Tether:
        """Find it; errors as of `rig.tether.Tether.find`."""
        from rig.cli.camera_output import note
        from rig.tether import Tether

        tether = Tether.find(
            self.config,
            self.port,
            simulate=self.simulate,
            time_scale=self.time_scale,
            here_is_mm=here_is_mm,
        )
        if tether.simulated:
            note("SIMULATED bench", style="magenta")
        return tether


@dataclass(frozen=True)
class ExposureOptions:
    """How a frame is exposed."""

    shutter: ShutterOption = None
    aperture: ApertureOption = None
    iso: IsoOption = None

    def request(self, white_balance: str | None = None, image_format: str | None = None) -> LockRequest:
        """Read what was asked for; a UserError says what cannot be."""
        from rig.cameras.base import LockRequest
        from rig.planning.request import if_given, parse_mark, parse_positive_time

        shutter_s = parse_positive_time(self.shutter, "--shutter", "1/8s")
        if self.iso is not None and self.iso < 1:
            raise UserError(f"--iso: {self.iso} is not above 0; write a sensitivity such as 100")
        marked = if_given(self.aperture, parse_mark, "--aperture")
        return LockRequest(shutter_s, marked, self.iso, white_balance, image_format)


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    group = typer.Typer(
        no_args_is_help=True,
        help="A camera alone: what is connected, is it ready for a stack, set, look, take a frame.",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    group.command("list")(list_cameras)
    group.command("info")(flattened(info))
    group.command("check")(flattened(check))
    group.command("set")(flattened(set_value))
    group.command("grey")(flattened(grey))
    group.command("preview")(flattened(preview))
    group.command("shoot")(flattened(shoot))
    group.command("watch")(flattened(watch))
    app.add_typer(group, name="camera")


def list_cameras(
    addresses: Annotated[
        list[str] | None,
        typer.Option("--port", metavar="PORT", help="An address on the network to try; may be repeated."),
    ] = None,
    config: ConfigOption = None,
    simulate: SimulateOption = False,
    time_scale: TimeScaleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Cameras on USB, at the configured address and at those given; exit code 3 when there is none."""
    from rig.cameras import listing
    from rig.cli import camera_output as output

    tether = CameraOptions(config, None, simulate, time_scale).tether()
    with tether.bench(pictures=False) as port:
        named = [port] if port and not port.startswith("usb:") else []
        found = listing.list_cameras([*named, *(addresses or ())], tether.clock)
    output.show_list(found, as_json=as_json)
    if all(camera.trouble for camera in found):
        raise CameraError("\n  ".join(["no camera was found:", *listing.WHAT_TO_CHECK]))


def info(
    settings: Annotated[
        bool, typer.Option("--settings", help="Every setting with its value and choices, too.")
    ] = False,
    *,
    which: CameraOptions,
) -> None:
    """Model, firmware, lens, battery, card, and what the body can be told from here; changes nothing."""
    from rig.cameras.inquiry import inquire
    from rig.cli import camera_output as output

    tether = which.tether()
    with tether.connect(pictures=False) as tethered:
        facts = inquire(tethered.camera)
    output.show_info(facts, settings=settings, as_json=which.as_json)


def check(
    fix: Annotated[
        bool, typer.Option("--fix", help="Set what can be set, and leave it so. Else nothing is changed.")
    ] = False,
    white_balance: WhiteBalanceOption = None,
    image_format: FormatOption = None,
    *,
    exposure: ExposureOptions,
    which: CameraOptions,
) -> None:
    """Everything that a stack needs of the body, with a verdict each; exit code 3 when one is refused."""
    from rig.cameras import inquiry
    from rig.cli import camera_output as output
    from rig.tether import lock_request, measured_request

    tether = which.tether()
    request = lock_request(tether, exposure.request(white_balance, image_format))
    with tether.connect(pictures=False) as tethered:
        request = measured_request(request, tethered)
        report = inquiry.check(tethered.camera, request, fix=fix)
    output.show_check(report, fix=fix, as_json=which.as_json)
    if report.refused:
        names = ", ".join(setting.name for setting in report.refused)
        raise CameraError(f"the camera is not ready for a stack: {names}")


def set_value(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A setting: iso, shutterspeed, …")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="As the body writes it: 100, 1/8, Daylight.")],
    *,
    which: CameraOptions,
) -> None:
    """Set one thing on the body and read it back; it stays so. A wrong value prints the choices."""
    from rig.cameras import inquiry
    from rig.cli import camera_output as output

    tether = which.tether()
    with tether.connect(pictures=False) as tethered:
        report = inquiry.set_value(tethered.camera, name, value)
    output.show_setting(report, as_json=which.as_json)


def grey(
    region: Annotated[
        str | None,
        typer.Option(
            "--region",
            metavar="X,Y,W,H",
            help="Where the card is, in shares of the frame; its middle fifth unless said otherwise.",
        ),
    ] = None,
    *,
    exposure: ExposureOptions,
    which: CameraOptions,
) -> None:
    """Find the white balance that makes a grey card grey; white_balance = "grey" then asks for it."""
    from rig import tether as tethers
    from rig.cameras.grey import CENTRE, Region
    from rig.cli import camera_output as output

    where = CENTRE if region is None else Region.from_text(region)
    tether = which.tether()
    request = tethers.lock_request(tether, exposure.request())
    with tether.connect(target="card") as tethered:
        balance = tethers.keep_grey(tethered, request, where)
    output.show_grey(balance, as_json=which.as_json)


def shoot(
    out: OutOption = Path(),
    white_balance: WhiteBalanceOption = None,
    image_format: FormatOption = None,
    exif: Annotated[bool, typer.Option("--exif", help="Print what the file says of itself, too.")] = False,
    *,
    exposure: ExposureOptions,
    which: CameraOptions,
) -> None:
    """Take one frame without autofocus, check it, keep it, print where; the body is put back as it was."""
    from rig import tether as tethers
    from rig.cli import camera_output as output

    tether = which.tether()
    request = tethers.lock_request(tether, exposure.request(white_balance, image_format))
    with tether.connect() as tethered:
        report, frames = tethers.shoot_one(tethered, request, out)
    output.show_shot(report, frames, exif=exif, as_json=which.as_json)


def watch(
    out: OutOption = Path(),
    frames: Annotated[
        int | None, typer.Option("--frames", metavar="N", min=1, help="End after N frames.")
    ] = None,
    *,
    which: CameraOptions,
) -> None:
    """Fetch, check and file every frame that is fired on the body by hand, until Ctrl-C."""
    from rig import tether as tethers
    from rig.cli import camera_output as output

    tether = which.tether()
    with stopping() as stopper, tether.connect() as tethered:
        output.note(f"waiting for frames into {out}; fire on the body, end with Ctrl-C")
        for frame in tethers.follow(tethered, out, stopped=stopper.event.is_set, frames=frames):
            output.show_frame(frame, as_json=which.as_json)


def preview(
    address: AddressOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="File the frames there; one without --frames.")
    ] = None,
    frames: Annotated[
        int | None, typer.Option("--frames", metavar="N", min=1, help="End after N frames.")
    ] = None,
    here_is: Annotated[
        str | None,
        typer.Option(
            "--here-is", metavar="LENGTH", help="Where the carriage of a simulated bench stands: 12mm."
        ),
    ] = None,
    *,
    drawn: LooksOptions,
    which: CameraOptions,
) -> None:
    """Live view, as an address on this computer (any free port when neither --address nor --out is given)
    or as files, until Ctrl-C; the body is put back afterwards, and rests while nobody looks on.
    """
    from rig.cameras.preview import BodyLiveView
    from rig.cli import camera_output as output
    from rig.liveview.run import Preview, served

    looks = drawn.looks()
    here_is_mm = length_mm(here_is, "--here-is")
    tether = which.tether(here_is_mm)
    if out is not None and address is None and frames is None:
        frames = 1
    with (
        stopping() as stopper,
        served(address if out is not None else address or "0") as (feed, server),
        tether.connect() as tethered,
        output.PreviewDisplay(as_json=which.as_json) as display,
    ):
        looks = replace(looks, simulated=tethered.simulated or tethered.camera.describe().simulated)
        view = Preview(BodyLiveView(tethered.camera), looks, feed=feed, folder=out)
        if server is not None:
            display.address(server.address, server.stream)
        for frame in view.frames(stopper.event.is_set, frames):
            display.frame(frame)
