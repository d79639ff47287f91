import pytest

from karui.core.errors import InputError
from karui.gateway.records.redact import Pattern, Redactor

MASKED = [
    ("write to Ann.Lee+x@mail.example.co.jp please", "write to [email] please"),
    ("連絡先：taro＠example.jp。", "連絡先：[email]。"),
    ("call +81 90-1234-5678 now", "call [phone] now"),
    ("call +1 (212) 555-0100 now", "call [phone] now"),
    ("+442079460958", "[phone]"),
    ("電話は03-1234-5678です", "電話は[phone]です"),
    ("電話は(03)1234-5678です", "電話は[phone]です"),
    ("携帯０９０－１２３４－５６７８まで", "携帯[phone]まで"),
    ("携帯09012345678まで", "携帯[phone]まで"),
    ("フリーダイヤル0120-123-456へ", "フリーダイヤル[phone]へ"),
    ("市外局番 0467-12-3456", "市外局番 [phone]"),
    ("(212) 555-0100 or 212.555.0100", "[phone] or [phone]"),
    ("card 4111 1111 1111 1111, exp", "card [card], exp"),
    ("カード４１１１－１１１１－１１１１－１１１１", "カード[card]"),
    ("5500005555555559", "[card]"),
    ("key sk-proj-abcDEF123456_7890xyz.", "key [key]."),
    ("AKIAIOSFODNN7EXAMPLE", "[key]"),
    ("Authorization: Bearer abcdef1234567890ABCDEF", "Authorization: Bearer [key]"),
    ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "[key]"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----", "[key]"),
]
LEFT = [
    "What is 1234 * 5678 - 90?",
    "On 2024-05-03 at 10:30, order AB-1203-44 of 12,345,678 yen",
    "4111 1111 1111 1112 has a wrong check digit",
    "0.123-456-7890 and 3.14159265358979",
    "1111111111111111",
    "123456789012345678",
    "Is 10-20-3000 a lock code? And 0-1-2?",
    "pi = 3.1415926535, e@2, a@b",
    "1 2 3 4 5 6 7 8 9 10 11 12 13",
    "the task-force asked sk-learn",
]


@pytest.mark.parametrize(("text", "masked"), MASKED)
def test_it_masks(text, masked):
    assert Redactor().text(text) == (masked, masked.count("["))


@pytest.mark.parametrize("text", LEFT)
def test_it_leaves_numbers_of_questions_alone(text):
    assert Redactor().text(text) == (text, 0)


def test_it_masks_in_whatever_clients_send():
    body = {
        "role": "user",
        "content": [{"type": "text", "text": "me@a.example"}, 3, None],
        "a@b.example": True,
    }
    masked, count = Redactor().value(body)
    assert masked == {
        "role": "user",
        "content": [{"type": "text", "text": "[email]"}, 3, None],
        "[email]": True,
    }
    assert count == 2


def test_own_patterns_come_first():
    redactor = Redactor({"customer": r"\bC-\d{6}\b", "mailbox": r"\S+@corp\.example"})
    assert redactor.text("C-123456 wrote to x@corp.example") == ("[customer] wrote to [mailbox]", 2)


@pytest.mark.parametrize(
    ("shape", "says"), [("(", "not a regular expression"), ("x*", "matches where nothing is")]
)
def test_own_patterns_that_cannot_be_used_are_refused(shape, says):
    with pytest.raises(InputError, match=says):
        Redactor({"mine": shape})


def test_a_hostile_text_takes_no_longer_than_its_length():
    # A shape that backtracks would need longer than anyone waits.
    for text in (
        "a" * 200_000,
        "1-" * 100_000,
        "0" * 200_000,
        "a.a" * 60_000 + "@",
        "+1" * 90_000,
        "a@a." * 50_000,
    ):
        assert Redactor().text(text)[0]


def test_a_text_that_a_pattern_does_not_get_through_in_time_is_not_kept():
    class Endless:
        def sub(self, mask, text, **limits):
            assert limits["timeout"] > 0
            raise TimeoutError

    redactor = Redactor()
    redactor.patterns = (Pattern("slow", Endless()), *redactor.patterns)
    assert redactor.text("call +81 90-1234-5678 now") == ("[not checked in time]", 1)
    assert redactor.value({"a": ["x"]})[0] == {"[not checked in time]": ["[not checked in time]"]}


def test_a_plus_sign_and_many_digits_are_looked_at_once():
    long = "+" + "1" * 200
    assert Redactor().text(f"{long} and {long}") == (f"{long} and {long}", 0)


def test_numbers_are_masked_too():
    card = 4111_1111_1111_1111
    assert Redactor().value({"card": card, "n": 17, "share": 0.5, "on": True}) == (
        {"card": "[card]", "n": 17, "share": 0.5, "on": True},
        1,
    )
