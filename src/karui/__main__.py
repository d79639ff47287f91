"""`python -m karui`: what launchers of several processes start."""

from karui.cli.main import app

if __name__ == "__main__":
    app(prog_name="karui")
