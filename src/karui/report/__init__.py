"""The report: one HTML page, Markdown and JSON, made from a study file alone."""

from karui.core.study import Study
from karui.report.files import FORMATS, render, write

__all__ = ["FORMATS", "Study", "render", "write"]
