"""`kj down`: stops what runs on a data directory."""

import signal

from kj.local.data_directory import DEFAULT, DataDirectory, DataDirOption
from kj.local.state import running_state

# Longer than a supervisor takes that must end frozen services by force.
STOP_SECONDS = 60.0


def down(data_dir: DataDirOption = DEFAULT) -> None:
    """Stop the local system; calls in flight end first."""
    directory = DataDirectory.at(data_dir)
    state = running_state(directory)
    if state is None:
        print(f"Nothing runs on {directory.root}.")
        return
    state.supervisor.send(signal.SIGTERM)
    if not state.supervisor.gone_within(STOP_SECONDS):
        # Its children do not outlive it.
        state.supervisor.send(signal.SIGKILL)
        state.supervisor.gone_within(5.0)
    print(f"Stopped what ran on {directory.root}.")
