from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from karui.tasks.answers.dates import clock, dates
from karui.tasks.answers.normalize import plain
from karui.tasks.answers.strip_latex import delatex, tidy


def test_tidy_repairs_what_nfkc_breaks():
    assert tidy("ｘ²＋１") == "x^2+1"
    assert tidy("10⁻³") == "10^-3"
    assert tidy("２½") == "2 1/2"
    assert tidy("– 5") == "- 5"
    assert tidy("well–known") == "well–known"


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("令和6年5月3日", "2024-05-03"),
        ("令和元年五月一日", "2019-05-01"),
        ("平成三十一年四月三十日", "2019-04-30"),
        ("平成36年1月2日", "2024-01-02"),
        ("昭和64年1月7日", "1989-01-07"),
        ("2024年5月3日(金)", "2024-05-03"),
        ("2024年5月3日(金曜日)まで", "2024-05-03まで"),
        ("二〇二四年五月三日", "2024-05-03"),
        ("2024/5/3", "2024-05-03"),
        ("2024.05.03", "2024-05-03"),
        ("令和6年5月", "2024-05"),
        ("令和6年度", "2024年度"),
        ("平成元年", "1989年"),
        ("五月三日", "5月3日"),
        ("2023年2月30日", "2023年2月30日"),
        ("2023/2/30", "2023/2/30"),
        ("令和6年13月", "令和6年13月"),
    ],
)
def test_dates(text, iso):
    assert dates(text) == iso


@given(st.dates(date(2019, 5, 1), date(2099, 12, 31)))
def test_reiwa_dates_come_back(day):
    year = day.year - 2018
    assert dates(f"令和{'元' if year == 1 else year}年{day.month}月{day.day}日") == day.isoformat()
    assert dates(day.isoformat()) == day.isoformat()


def test_clock():
    read = [clock(text) for text in ("午後3時半", "8:05", "18時", "午前12時10分", "25時", "8:75", "8時間")]
    assert read == ["15:30", "08:05", "18:00", "12:10", None, None, None]


def test_delatex_removes_notation_only():
    assert delatex(r"\text{Mr.~Sato}, \mathbf{B}") == "Mr. Sato, B"
    assert delatex(r"\left(\dfrac{1}{2}\right)") == "(1/2)"
    assert delatex(r"\sqrt{2}") == r"\sqrt{2}"
    assert delatex("$5 or $6") == "5 or 6"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ｙｅｓ", "yes."),
        ("「東京」", "東京"),
        ("東 京", "東京"),
        ("一億円", "￥100,000,000"),
        ("令和6年5月3日", "2024-05-03"),
        ("午後3時", "15:00"),
        (r"\text{New  York}", "new york"),
        ("1.50", "1.5"),
    ],
)
def test_the_same_answer_has_one_normal_form(one, other):
    assert plain(one) == plain(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("007", "7"), ("5 m", "5"), ("千葉", "1000葉"), ("一郎", "1郎"), ("New York", "NewYork")],
)
def test_different_answers_stay_different(one, other):
    assert plain(one) != plain(other)


@given(st.text(max_size=40))
def test_the_normal_form_never_raises(text):
    assert isinstance(plain(text), str)
