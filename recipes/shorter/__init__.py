"""The recipe of the models that think shorter: karui-mini, trained on its own right traces."""
