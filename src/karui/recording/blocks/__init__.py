"""Recordings that are larger than memory: questions whose traces are read from their parts block by block.

`row_index.RowIndex` knows where every trace lies, `reader.BlockReader` reads the traces of some questions
and forgets those of others, and `questions` are recorded questions that ask it. Who walks a recording in its
order reads it once; who keeps traces keeps them in memory.
"""
