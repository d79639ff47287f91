from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from karui.tasks.answers.amounts import last_said, numbers_in, quantity, said
from karui.tasks.answers.kanji import kanji_number
from karui.tasks.answers.numerals import number, number_form

DIGITS = "〇一二三四五六七八九"


def to_kanji(value: int) -> str:
    """Writes a number in kanji the everyday way: 千 and 百 without 一, 万 and above with it."""
    if value == 0:
        return "〇"
    written = ""
    for unit, name in ((10**12, "兆"), (10**8, "億"), (10**4, "万"), (1, "")):
        group, value = divmod(value, unit)
        if group:
            for size, small in ((1000, "千"), (100, "百"), (10, "十")):
                digit, group = divmod(group, size)
                if digit:
                    written += ("" if digit == 1 else DIGITS[digit]) + small
            written += (DIGITS[group] if group else "") + name
    return written


@given(st.integers(0, 10**16 - 1))
def test_kanji_numerals_come_back(value):
    assert kanji_number(to_kanji(value)) == value


@given(st.integers(0, 10**12))
def test_positional_kanji_come_back(value):
    assert kanji_number("".join(DIGITS[int(digit)] for digit in str(value))) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("一億二千万", 120_000_000),
        ("三百五", 305),
        ("十", 10),
        ("二〇二四", 2024),
        ("1億2千万", 120_000_000),
        ("1.5億", 150_000_000),
        ("3万5千", 35_000),
        ("1,200千", 1_200_000),
        ("50百万", 50_000_000),
        ("1万5000", 15_000),
    ],
)
def test_kanji_number(text, value):
    assert kanji_number(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "十百", "万", "一億万", "二万億", "十20", "百円", "千葉", "1,2", "1,2345", "1.2.3"],
)
def test_what_is_no_numeral_is_none(text):
    assert kanji_number(text) is None


@given(st.fractions(max_denominator=5000))
def test_the_number_form_comes_back(value):
    assert number(number_form(value)) == value


def test_the_number_form_is_decimal_where_decimals_end():
    assert [number_form(Fraction(*parts)) for parts in ((42, 1), (-7, 2), (1, 3), (1, 400), (-1, 8))] == [
        "42",
        "-3.5",
        "1/3",
        "0.0025",
        "-0.125",
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("１２３", 123),
        ("1,234,567.5", Fraction("1234567.5")),
        ("￥１，２００", 1200),
        ("1200円", 1200),
        ("¥-500", -500),
        ("▲1,234", -1234),
        ("△5", -5),
        ("マイナス三十", -30),
        ("−7", -7),
        ("１０％", 10),
        ("$1{,}200$", 1200),
        ("$5", 5),
        (r"\$5.50", Fraction("5.5")),
        (r"\frac{3}{4}", Fraction(3, 4)),
        (r"-\frac{1}{2}", Fraction(-1, 2)),
        (r"3\frac{1}{2}", Fraction(7, 2)),
        ("3½", Fraction(7, 2)),
        ("3 1/2", Fraction(7, 2)),
        (r"3 \times 10^{5}", 300_000),
        ("2e3", 2000),
        ("2.5 million", 2_500_000),
        ("３万円", 30_000),
        (r"12\,345", 12345),
        ("5.", 5),
        (".5", Fraction(1, 2)),
        ("025", 25),
        ("1 000 000", 1_000_000),
        ("12\u202f345\u202f678", 12_345_678),
        ("1\u00a0000", 1000),
        ("1'000'000", 1_000_000),
        ("1,00,000", 100_000),
        ("12,34,567.5", Fraction("1234567.5")),
        ("1.234.567", 1_234_567),
        ("1万2千", 12_000),
        ("12万3,456円", 123_456),
        (r"−\frac{1}{2}", Fraction(-1, 2)),
        ("−½", Fraction(-1, 2)),
        ("–7", -7),
        ("－７", -7),
        ("氷点下5度", -5),
        ("-$5", -5),
        ("(-5)", -5),
        ("3分の1", Fraction(1, 3)),
        ("二分の一", Fraction(1, 2)),
        ("マイナス3分の2", Fraction(-2, 3)),
        ("2と3分の1", Fraction(7, 3)),
        ("one third", Fraction(1, 3)),
        ("two-thirds", Fraction(2, 3)),
        ("one and a half", Fraction(3, 2)),
        ("2 and 3/4", Fraction(11, 4)),
        ("half", Fraction(1, 2)),
        ("twenty-five", 25),
        ("two hundred and five", 205),
        (r"\tfrac{3}{4}", Fraction(3, 4)),
        (r"\frac{1,000}{3}", Fraction(1000, 3)),
        ("1.6×10⁻¹⁹", Fraction(16, 10**20)),
        (r"9.1 \times 10^{-31}", Fraction(91, 10**32)),
        ("10^3", 1000),
        ("25℃", 25),
        (r"90^\circ", 90),
    ],
)
def test_number(text, value):
    assert number(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "abc",
        "1/0",
        "5 m",
        "3x",
        "5-3",
        "2024-05-03",
        "1,2",
        "9" * 5000,
        "①②x",
        "3,5",
        "1.000,5",
        "0,5",
        "1,2,3",
        "5!",
        "±5",
        "1:30",
        "five two",
        "--5",
    ],
)
def test_what_is_no_number_is_none(text):
    assert number(text) is None


def test_a_quantity_drops_its_unit_and_words_of_caution():
    texts = ["約350個", "about 12 kg", "三百五十人", "1.5時間", "8 apples", "全部で１２箱"]
    assert [quantity(text) for text in texts] == [350, 12, 350, Fraction(3, 2), 8, 12]
    texts = [
        "25cm²",
        "25 cm² です",
        "9.8 m/s^2",
        "60km/h",
        r"12\text{ hours}",
        "$18/day",
        "18 dollars per day",
    ]
    assert [quantity(text) for text in texts] == [25, 25, Fraction("9.8"), 60, 12, 18, 18]
    texts = [
        "3時間半",
        "3分の1です",
        "one third of the cake",
        "5-day trip",
        "10 percent",
        "約-5度",
        "3 (three)",
    ]
    assert [quantity(text) for text in texts] == [
        Fraction(7, 2),
        Fraction(1, 3),
        Fraction(1, 3),
        5,
        10,
        -5,
        3,
    ]


@pytest.mark.parametrize(
    "text",
    [
        "5 h 30 min",
        "Room 5 on the left",
        "x = 5",
        "5-3 m",
        "x+5",
        "8:30",
        "apples",
        "1時間30分",
        "5月3日",
        "6 ft 2 in",
        "5 or 6",
        "5〜7",
        "5 to 7",
        "3x",
        "3 x",
        r"2\pi",
        r"5\sqrt{2}",
        r"\log_2 8",
        "5±0.1",
        "x > 5",
        "5 < x",
        "(3,4)",
        "(1,200)",
        "[1,2)",
        "COVID-19",
        "H2O",
        "f(5)",
        "3割",
        "2024-05-03",
        r"\begin{pmatrix}1\\2\end{pmatrix}",
        "one of them",
        "5x^2",
    ],
)
def test_what_is_no_quantity_is_none(text):
    assert quantity(text) is None


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("3 boxes of 12 make 36.", [3, 12, 36]),
        ("1億2千万円と5円", [120_000_000, 5]),
        ("一番は十分に7", [7]),
        ("10-3=7, and -2", [10, 3, 7, -2]),
        ("1,200 and 1,2,3", [1200, 1, 2, 3]),
        ("第3四半期", [3]),
        ("none", []),
        ("3,5 and 4", [4]),
        ("1/2 of x2", [Fraction(1, 2)]),
    ],
)
def test_numbers_in(text, values):
    assert numbers_in(text) == values


@pytest.mark.parametrize(
    ("phrase", "value"),
    [
        ("42, as 6 and 7 were given", 42),
        ("18 dollars (9 eggs at $2 each)", 18),
        ("3 × 12 = 36 apples", 36),
        ("x = y = 5", 5),
        (r"$16 - 3 - 4 = 9$ eggs, then $9 \times 2 = 18$ dollars", 18),
        ("Janet makes $18 every day", 18),
        ("面積は25cm²です", 25),
        ("気温は-5度", -5),
        ("−5 because it froze", -5),
        ("3 boxes of 12, which is 36 apples", None),
        ("24 clips in May, 72 altogether", None),
        ("x = 5 or x = 6", None),
        ("x = 3, y = 4", None),
        ("5 km and 200 m", None),
        ("between 5 and 7", None),
        ("3,5.", None),
        ("y = 2x + 3", None),
        ("5〜7個", None),
    ],
)
def test_what_a_phrase_says(phrase, value):
    assert said(phrase) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("最低気温は-5度です。", -5),
        ("気温は－３度まで下がった。", -3),
        ("The low was –5 °C.", -5),
        ("面積は25cm²です。", 25),
        ("速さは秒速9.8m/s²です。", Fraction("9.8")),
        ("It covers 40 km² in total.", 40),
        ("He sold the rest:\n- 18", 18),
        ("**Total = $1,200.50**", Fraction("1200.5")),
        ("| total | 18 |", 18),
        ("16 eggs - 3 eggs = 13 eggs", 13),
        ("So 5 + 6", None),
        ("1+x", None),
        ("3, 5 and 7", None),
        ("会議は5月3日です。", None),
        ("The train leaves at 8:30", None),
        ("COVID-19", None),
        ("answer 3x", None),
        ("costs $5-$7", None),
        ("2 000 and 3 100 g", None),
    ],
)
def test_the_last_number_stands_by_itself_or_is_none(text, value):
    assert last_said(text) == value


@given(st.text(max_size=60))
def test_no_text_breaks_the_readers(text):
    for read in (number, quantity, kanji_number, said, last_said):
        assert read(text) is None or isinstance(read(text), Fraction)
    assert all(isinstance(value, Fraction) for value in numbers_in(text))
