"""The recipe of karui-micro: karui-mini's small sibling, distilled from it on the same kinds of questions."""
