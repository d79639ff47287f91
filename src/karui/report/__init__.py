"""The report: one HTML page, Markdown and JSON, made from a study file alone."""

from karui.report.files import FORMATS, render, write
from karui.report.study import Study

__all__ = ["FORMATS", "Study", "render", "write"]
