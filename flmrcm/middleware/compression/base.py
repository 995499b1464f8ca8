"""Compression as a member of the chain; a scheme is a class of its own, in a file of its own."""

from collections.abc import Mapping
from typing import ClassVar

from flmrcm.federation.middleware import (
    Middleware,
    ServerHalf,
    ServerSide,
    SiteHalf,
    SiteSide,
    Stage,
)
from flmrcm.learning.module import ReconModule
from flmrcm.middleware.compression.halves import ServerCompression, SiteCompression
from flmrcm.middleware.compression.scheme import Scheme
from flmrcm.strategies.base import Strategy


class Compression(Scheme, Middleware):
    """Sends differences by a scheme, both ways.

    Tests are sent whole. Latents have no history: a byte for each number, a scale for each slice.
    """

    stage: ClassVar[Stage] = Stage.COMPRESSION

    def find_problems(
        self, strategy: Strategy, module: ReconModule, members: Mapping[str, Middleware]
    ) -> list[str]:
        """Return a line for each member that needs weights to arrive as they left."""
        problems: list[str] = []
        if getattr(members.get("wire"), "kind", "fp32") != "fp32":
            problems.append(
                "compression: what is rounded twice differs at both ends; use "
                "middleware.wire.kind=fp32, or compression=bf16 instead of it."
            )
        if getattr(members.get("privacy"), "where", "") == "sites":
            problems.append(
                "privacy.where=sites: what is rounded on the way adds up to another sum; use "
                "compression=none."
            )
        if any(member.stage is Stage.MASKING for member in members.values()):
            problems.append("compression: masked weights can't be rounded; use compression=none.")
        return problems

    def build_site_half(self, side: SiteSide) -> SiteHalf:
        """Return the half that reads differences and sends a site's own."""
        return SiteCompression(self, side)

    def build_server_half(self, side: ServerSide) -> ServerHalf:
        """Return the half that sends differences where it knows from what, and reads replies."""
        return ServerCompression(self, side)
