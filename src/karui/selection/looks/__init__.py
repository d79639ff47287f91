"""Many looks at one set of test questions: what is a unit of evidence, what was looked at, what it cost."""
