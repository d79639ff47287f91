"""The processes of one making: one, unless `accelerate launch` or torchrun started several.

All of them make the same artifact. The first one writes; the others compute along where a technique trains
on several devices, and write what nobody reads into a folder that is thrown away.
"""

import os


def several() -> bool:
    """Whether a launcher started several processes."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def is_main_process() -> bool:
    """Whether this process is the first one, which writes and reports."""
    return rank() == "0"


def rank() -> str:
    """Returns which of the processes this is, "0" for the first."""
    return os.environ.get("RANK", "0") if several() else "0"


def barrier(device: str) -> None:
    """Waits until every process has come this far.

    Args:
        device: Where they compute; decides how they talk to each other.
    """
    if not several():
        return
    from accelerate import PartialState

    PartialState(cpu=device.startswith("cpu")).wait_for_everyone()


def shutdown() -> None:
    """Ends what the processes talk through; NCCL complains where the interpreter's end has to do it."""
    if not several():
        return
    from torch import distributed

    if distributed.is_initialized():
        distributed.destroy_process_group()
