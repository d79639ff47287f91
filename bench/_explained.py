"""Where a server's parser says otherwise than karui, and is shown to be the one that is wrong: why."""


def explanation(peer: str, family: str, key: str) -> str:
    """Returns why a peer differs; "" where that is not known, and karui counts as wrong.

    Args:
        peer: Whose parser.
        family: Of the model.
        key: The template.
    """
    del key
    return _WHY.get((peer, family), "")


_WHY = {
    ("sglang's template rules", "Nemotron Nano v2"): (
        "The rule takes the template's own variable, namespace(enable_thinking=true), for an argument. The "
        "template reads none of that name: with True, with False and without it the prompt is the same. Its "
        "switch is /no_think."
    ),
}
