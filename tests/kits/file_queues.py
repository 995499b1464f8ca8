"""A queue of files that is as slow as it may be."""

from flmrcm.file_queue import FileQueue


class Late(FileQueue):
    """Writes nothing before it has to."""

    def __init__(self):
        self.tasks = []

    def put(self, task):
        self.tasks.append(task)

    def wait(self):
        while self.tasks:
            self.tasks.pop(0)()
