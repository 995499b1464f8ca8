"""Files that are written in the order they come, at once or while the program goes on."""

import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

log = logging.getLogger(__name__)

Task = Callable[[], object]
"""Writes files; nothing else may change what it writes."""


class FileQueue:
    """Does every task at once, and waits for it."""

    def put(self, task: Task) -> None:
        """Have a task done after those before.

        Raises:
            Exception: whatever a task raised, this one or one before.
        """
        task()

    def wait(self) -> None:
        """Wait until every task is done.

        Raises:
            Exception: whatever a task raised.
        """

    def __enter__(self) -> "FileQueue":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.wait()


class FileThread(FileQueue):
    """Does tasks one after the other in a thread, while the program goes on.

    A task that fails is the last: those behind it may count on its file. The program hears of it
    at its next call. As a context, it ends when every task has, however the block ends.

    Args:
        most: tasks that may be unfinished; whoever puts one more waits, so that memory stays flat.
    """

    def __init__(self, most: int = 2) -> None:
        self.most = most
        self._unfinished = deque[Future[None]]()
        self._thread: ThreadPoolExecutor | None = None
        self._failed = False

    def put(self, task: Task) -> None:
        """Have a task done after those before, soon.

        Raises:
            Exception: whatever a task before raised.
        """
        while len(self._unfinished) >= self.most:
            self._unfinished.popleft().result()
        self._thread = self._thread or ThreadPoolExecutor(1, "files")
        self._unfinished.append(self._thread.submit(self._do, task))

    def wait(self) -> None:
        """Wait until every task is done.

        Raises:
            Exception: whatever a task raised.
        """
        while self._unfinished:
            self._unfinished.popleft().result()

    def _do(self, task: Task) -> None:
        if self._failed:
            return
        try:
            task()
        except BaseException:
            self._failed = True
            raise

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            self.wait()
        except Exception as problem:
            if error is None:  # else that error ends the program, and says why
                raise
            log.warning("a file could not be written: %s", problem)
        finally:
            if self._thread:
                self._thread.shutdown()
            self._thread, self._failed = None, False
            self._unfinished.clear()
