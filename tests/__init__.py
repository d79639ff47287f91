"""The tests mirror `src/karui`; what several of them need lies in `helpers`."""
