"""The pure machines that live runs and replays drive: the tree of flows, and a trace under its watchers."""
