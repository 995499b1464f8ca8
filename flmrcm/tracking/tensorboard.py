"""TensorBoard: `tensorboard --logdir outputs` shows every run below it."""

import shutil
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from flmrcm.federation.journal import Panel
from flmrcm.tracking.run_info import RunInfo, group_scalars
from flmrcm.types import Measurement

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class TensorBoard:
    """Shows a run in TensorBoard, with rounds as steps.

    TensorBoard calls a run like its folder, so its events lie in one that bears the run's name.

    Args:
        run: its events are written below `<folder>/tensorboard`.
    """

    def __init__(self, run: RunInfo) -> None:
        self.folder, self.name = run.folder / "tensorboard", run.file_name
        self._writer: SummaryWriter | None = None

    def start(self, rows: Sequence[Measurement]) -> None:
        """Delete older events and write those of the rows."""
        # importing TensorBoard takes seconds, which no other command should wait for
        from torch.utils.tensorboard import SummaryWriter

        self._close_writer()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._writer = SummaryWriter(str(self.folder / self.name))
        self.log(rows)

    def log(self, rows: Sequence[Measurement]) -> None:
        """Write each row as a scalar at its round; a reader sees it at once."""
        writer = self._get_writer()
        for number, scalars in group_scalars(rows).items():
            for key, value in scalars.items():
                writer.add_scalar(key, value, number)
        writer.flush()

    def close(self, rows: Sequence[Measurement], panels: Mapping[str, Panel]) -> None:
        """Write the panel of each site as the image `panels/<site>` at the last round."""
        from matplotlib.image import imread

        last = max((row.round for row in rows), default=0)
        for site, panel in panels.items():
            image = imread(panel.path)  # (height, width[, channels]) in [0, 1]
            layout = "HW" if image.ndim == 2 else "HWC"
            self._get_writer().add_image(f"panels/{site}", image, last, dataformats=layout)
        self._close_writer()

    def _get_writer(self) -> "SummaryWriter":
        if self._writer is None:
            raise RuntimeError("TensorBoard got a round before `start`.")
        return self._writer

    def _close_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
