"""The common benchmark: methods × models × question sets × engines, every cell from a recording or a study.

`suite` reads what is to be measured, `cells` lists it, `run` measures what is missing, `results` is the file
that others add cells to, `page` shows it.
"""
