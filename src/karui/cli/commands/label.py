"""`karui label`: label a few answers by hand, blind, in the browser."""

from pathlib import Path

import typer


def label(
    study: Path = typer.Argument(help="The study's folder, or its recording of full thinking."),
    port: int = typer.Option(8322, min=0, max=65535, help="Where the page is served; 0 takes any free port."),
    browser: bool = typer.Option(True, "--browser/--no-browser", help="Opening of the page in the browser."),
) -> None:
    """Label answers that a judge judged: keys 1, 2 and 3, blind; every label is kept at once.

    The page is served to this machine alone. Labels lie beside the recording (labels.jsonl); run karui
    choose or karui poc again to have them counted.
    """
    import webbrowser

    from karui.cli.console import say
    from karui.gateway.server.server import listen
    from karui.labelling.server import Desk, run
    from karui.study.judging.study_judge import folder_of

    desk = Desk(folder_of(study))
    taken = listen("127.0.0.1", port)
    address = f"http://127.0.0.1:{taken.getsockname()[1]}/"
    say(f"{desk.done} of {len(desk.sheet.tasks)} are labelled. The page: {address} (Ctrl-C ends)")

    def ready() -> None:
        if browser:
            webbrowser.open(address)

    run(desk, taken, ready)
    say(f"{desk.done} of {len(desk.sheet.tasks)} are labelled; karui choose takes them in.")
