"""The passport: what was promised of a plan, signed, so that somebody else can check it later.

`issue` makes it of a study, `statement` and `dsse` sign it, `cyclonedx` and `hugging_face` say the same in
other projects' formats; `verify` checks it, `acceptance` tests it on questions of the buyer's, `sealed` keeps
questions back until they are asked for.
"""
