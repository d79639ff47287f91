"""Finding out what a server can do by trying it, and never by its name.

Every question to it is a short request. What a server takes without complaint proves nothing: many ignore
what they do not know. So each finding rests on what came back: tokens listed, a text repeated, a prompt
longer by what was added to it.
"""

from karui.engines.openai.probe.budget import check_budget
from karui.engines.openai.probe.client import QUESTION, ProbeClient
from karui.engines.openai.probe.run import find_capabilities, recalled

__all__ = ["QUESTION", "ProbeClient", "check_budget", "find_capabilities", "recalled"]
