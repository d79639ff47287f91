"""Replies from the field that were read wrongly once, each with others of its kind."""

import pytest

from karui.tasks import verifier

NOTHING = None


def read(spec, text):
    return verifier(spec).read(text)


def right(spec, reference, text):
    judge = verifier(spec)
    answer = judge.read(text)
    return answer is not None and judge.verify(reference, answer)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # a sign next to any script
        ("最低気温は-5度です。", "-5"),
        ("昨夜は−12℃まで下がった。", "-12"),
        ("損益は－３万円です。", "-30000"),
        ("答え：–7", "-7"),
        ("Температура:-5", "-5"),
        # signs before commands
        (r"\boxed{−\frac{1}{2}}", "-0.5"),
        (r"\boxed{–\dfrac{3}{4}}", "-0.75"),
        (r"\boxed{－２}", "-2"),
        # units and their powers
        ("面積は25cm²です。", "25"),
        ("体積は120 m³ です。", "120"),
        ("It falls at 9.8 m/s^2.", "9.8"),
        (r"The answer is $25\text{ cm}^2$.", "25"),
        ("速さは時速60km/hです。", "60"),
        # fractions in words and kanji
        ("答えは3分の1です。", "1/3"),
        ("答えは二分の一です。", "0.5"),
        ("The answer is one third.", "1/3"),
        ("The answer is two and a half.", "2.5"),
        ("答えは2と3分の1です。", "7/3"),
        (r"\boxed{2\tfrac{1}{4}}", "2.25"),
        ("The answer is 1½ cups.", "1.5"),
        # one number or two: none
        ("The answer is 3,5.", NOTHING),
        ("答えは2,75です。", NOTHING),
        ("The answer is 1.000,5.", NOTHING),
        (r"\boxed{0,25}", NOTHING),
        # grouped digits
        (r"\boxed{1 000 000}", "1000000"),
        ("The answer is 12,34,567.", "1234567"),
        (r"\boxed{1\,234\,567}", "1234567"),
        ("答えは1万2千円です。", "12000"),
        # a reply that runs on
        ("#### 18\n\nQuestion: A robe takes 2 bolts. How many?\n#### 5", "18"),
        ("The answer is 18.\n\nQ: And how many more?\nA: The answer is 5.", "18"),
        ("答えは18です。\n\n問題：りんごは何個ですか。\n答えは5です。", "18"),
        ("So she makes 9 * 2 = 18.\n\n### Question:\nA car drives 5 km.\n#### 5", "18"),
        (r"So \boxed{18}.<|im_end|>" + "\n<|im_start|>user\nNext: 5", "18"),
        ("Question: how many eggs?\nAnswer: 18", "18"),
        ("Question 1: eggs? Answer: 9\nQuestion 2: money?\nAnswer: 18", "18"),
        # more than one number, or a part of something: none
        ("The answer is 5 or 6.", NOTHING),
        ("答えは5〜7です。", NOTHING),
        (r"\boxed{5 \pm 1}", NOTHING),
        ("The answer is 3x.", NOTHING),
        ("The meeting is at 10:30.", NOTHING),
        ("The answer is unknown.", NOTHING),
        ("The answer is not 5.", NOTHING),
        (r"\boxed{(3, 4)}", NOTHING),
        (r"\boxed{x = 3, y = 4}", NOTHING),
        # tags, headings, emphasis
        ("<answer>\n42\n</answer>", "42"),
        ("42\n</answer>", "42"),
        ("## Final Answer\n\n**$1,200** in total", "1200"),
        ("【答え】18個", "18"),
        ("#### Step 3: 4 boxes\nso 4 × 9 = 36 apples.", "36"),
        (r"\boxed{\boxed{7}}", "7"),
        (r"First \boxed{3}, then \boxed{x = 4}", "4"),
        (r"\boxed{0}, \boxed{1}", NOTHING),
        ("<b>7</b> is what is left", "7"),
        ("#### **#### 5600**", "5600"),
        ("#### <48>", "48"),
        ("So she has <<9*2=18>>18 dollars", "18"),
        ("#### Answer: 1 + 2 + 2 = 5 hours", "5"),
        (r"\boxed{0.\overline{3}}", "1/3"),
        (r"\boxed{1.5 \times 10^8 \text{ km}}", "150000000"),
        # what is no number by itself: none
        (r"\boxed{2x+3=11}", NOTHING),
        (r"\boxed{x^2+y^2=25}", NOTHING),
        (r"\boxed{-3(x+2)(x-1)}", NOTHING),
        (r"\boxed{(-5,\sqrt{26}]}", NOTHING),
        (r"\boxed{0, \pi, 2 \pi}", NOTHING),
        (r"\boxed{1, i, -i}", NOTHING),
        (r"\boxed{3s^2}", NOTHING),
        (r"\boxed{3!}", NOTHING),
        (r"\boxed{12_{10}}", NOTHING),
        (r"\boxed{\begin{bmatrix} 1 & 2 \\ 3 & 4 \end{bmatrix}}", NOTHING),
        ("The answer is May 5, 2024.", NOTHING),
        ("答えは5月3日です。", NOTHING),
        ("It is more than 7.", NOTHING),
        ("答えは5個以上です。", NOTHING),
        ("答えは5ではない。", NOTHING),
        ("打率は3割です。", NOTHING),
        ("The answer is 7.5.1", NOTHING),
        ("Version 3-2", NOTHING),
        (r"\boxed{|−5|}", NOTHING),
        (r"\boxed{2π}", NOTHING),
        (r"\boxed{⌊5.5⌋}", NOTHING),
        (r"\boxed{12~15}", NOTHING),
        (r"\boxed{12 15}", NOTHING),
        ("so it is 5 (mod 7)", NOTHING),
        ("The list is 1,2,3", NOTHING),
        ("Hence *12*.", "12"),
        (r"\boxed{\textcolor{red}{12}}", "12"),
        (r"\boxed{12\\}", "12"),
        ("合計は▲500円です。", "-500"),
        ("抵抗は5Ωです。", "5"),
    ],
)
def test_numbers(text, value):
    assert read("numeric", text) == value
    # Verifiers without a statement or a box in the text read the same number.
    if value is not None and "box" not in text and "/" not in value:
        assert read("math", text) == value


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        ("12", r"\boxed{12\text{ hours}}"),
        ("12", r"\boxed{12\,\mathrm{km/h}}"),
        ("12", r"\boxed{12 個}"),
        ("1000000", r"\boxed{1 000 000}"),
        ("1+x", "The final answer is:\n\n$$\n1+x\n$$"),
        (r"\frac{x}{2}", "答えは\n\\[\n\\frac{x}{2}\n\\]\nです。"),
        ("x^2", "Hence:\n\n$$\nf(x) = x^2\n$$"),
        ("2x-y+3=0", r"\boxed{y = 2x+3}"),
        ("y = 2x+3", r"\boxed{2x - y + 3 = 0}"),
        ("2x+3", r"\boxed{y = 2x+3}"),
        ("x+y=1", r"\boxed{2x + 2y = 2}"),
        ("2:3", r"\boxed{4:6}"),
        ("10:30", r"\boxed{10:30}"),
        ("1.6e-19", r"\boxed{1.6 \times 10^{-19}}"),
        ("1/3", r"\boxed{0.333333}"),
        (r"\{-2, 3\}", r"\boxed{x = 3 \text{ or } x = -2}"),
        (r"\frac{\pi}{2}", r"\boxed{\pi/2}"),
        (r"3\pi", r"\boxed{3\pi \text{ cm}^2}"),
        ("70", r"\boxed{70\%}"),
        ("-0.5", "\\boxed{\u2212\\frac{1}{2}}"),
        ("0,1", r"\[\boxed{0}, \boxed{1}\]"),
        (r"\pm 5", r"\boxed{5, -5}"),
        (r"2 \pm \sqrt{3}", r"\boxed{2+\sqrt{3}, 2-\sqrt{3}}"),
        ("6, 8, 10", r"\boxed{6, 8\text{, and }10}"),
        (r"\frac{22}{7}", r"\boxed{\frac{22}{7} \approx 3.14}"),
        (r"\frac{\pi}{2}", r"\boxed{\frac\pi 2}"),
        ("15:45", r"\boxed{3:45 \text{ p.m.}}"),
        ("2024-05-05", r"\boxed{\text{May 5, 2024}}"),
        ("8", r"\boxed{\log_2 256}"),
        ("3", "The answer is: Harry slept 3 hours longer than James."),
        ("5", r"\boxed{f(2) = 5}"),
        ("3:2", r"\boxed{\frac{3}{2}}"),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\boxed{\begin{pmatrix} 1 \\ 2 \end{pmatrix}}"),
        (r"\text{no solution}", r"\boxed{\text{No solution}}"),
    ],
)
def test_mathematics_that_is_right(reference, text):
    assert right("math", reference, text)


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        ("1.6×10⁻¹⁹", r"\boxed{9.1 \times 10^{-31}}"),
        (r"\pi \times 10^{-20}", r"\boxed{2\pi \times 10^{-20}}"),
        ("0.0000001", r"\boxed{0.0000002}"),
        ("1234567.1", r"\boxed{1234567.2}"),
        ("10:30", r"\boxed{11:33}"),
        ("1:00", r"\boxed{2:00}"),
        ("2:3", r"\boxed{3:2}"),
        ("2x-y+3=0", r"\boxed{y = 2x-3}"),
        ("2x-y+3=0", r"\boxed{y = 3x+2}"),
        ("1+x", "The final answer is:\n\n$$\n1-x\n$$"),
        ("1", "The final answer is:\n\n$$\n1+x\n$$"),
        ("1000000", r"\boxed{1 000 001}"),
        ("0", r"\boxed{1 000 000}"),
        ("3", r"\boxed{(-\infty, 3]}"),
        ("1", r"\boxed{x = 1, y = 2}"),
        ("1", r"\boxed{1, i, -i}"),
        (r"\frac{1}{30}", r"\boxed{1:30}"),
        ("5", r"\boxed{2x + 3 = 5}"),
        ("1215", r"\boxed{12~15}"),
        ("1215", r"\boxed{12 15}"),
        ("1000.5", r"\boxed{1.000,50}"),
        ("2", r"\boxed{2π}"),
        (r"\text{silent}", r"\boxed{\text{listen}}"),
        ("(1,2)", r"\boxed{(2,1)}"),
        ("[1,2)", r"\boxed{[1,2]}"),
        (r"2 \pm \sqrt{3}", r"\boxed{2+\sqrt{3}}"),
    ],
)
def test_mathematics_that_is_wrong(reference, text):
    assert not right("math", reference, text)


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        ("1,200, 3,400", r"\boxed{3,400, 1,200}"),
        ("1,200, 3,400", "The answer is 3400 and 1200."),
        ("1,000,000; 5", r"\boxed{\{5, 1,000,000\}}"),
        ("red, blue", "Answer:\n- red\n- blue"),
        ("red, blue", "**Answer:**\n\n1. blue\n2. red\n\nThese are primary colours."),
        ("red, blue", "The colours are\n* blue\n* red"),
        ("東京、大阪", "答えは東京・大阪です。"),
        ("東京、大阪", "答え：\n・大阪\n・東京"),
        ("東京、大阪", "答えは東京と大阪です。"),
        ("りんご、みかん", "答えはりんごとみかんです。"),
        ("田中、鈴木、佐藤", "答えは田中、佐藤および鈴木です。"),
        ("(1,2), (3,4)", r"\boxed{(3,4), (1,2)}"),
        ("2, 3", r"\boxed{x = 3 \text{ or } x = 2}"),
        ("a; b", "<answer>\nb\na\n</answer>"),
        ("ジョン・スミス、メアリー", "答えはメアリー、ジョン・スミスです。"),
    ],
)
def test_sets_that_are_right(reference, text):
    assert right("set", reference, text)


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        ("1,200, 3,400", r"\boxed{1, 200, 3, 400}"),
        ("(1,2), (3,4)", r"\boxed{(1,3), (2,4)}"),
        ("東京、大阪", "答えは東京です。"),
        ("red, blue", "Answer:\n- red"),
        ("ひとつ", "答えはひ、つです。"),
    ],
)
def test_sets_that_are_wrong(reference, text):
    assert not right("set", reference, text)


@pytest.mark.parametrize(
    ("text", "marker"),
    [
        ("So \\boxed{E = mc^2} holds.\n\n**Answer: D**", "D"),
        ("\\boxed{F = ma}, hence the correct option is (B).", "B"),
        ("途中で \\boxed{v = 12} を得る。\n\n正解はウです。", "ウ"),
        ("The correct choice is B because A ignores friction.", "B"),
        ("A is wrong. I would choose (C).", "C"),
        ("<answer>C</answer>", "C"),
        ("<answer>\n(B) Paris\n</answer>", "B"),
        (r"\boxed{A or C}", None),
        ("A: 5\nB: 6\nC: 7\nIt may be A or B.", None),
        ("The answer is A and C.", None),
        (r"\boxed{C = 5}", None),
        ("Answer: B\n\nQuestion: next one\nAnswer: D", "B"),
        (r"\boxed{3 \text{ apples}}", None),
        (r"\boxed{5{,}000}", None),
        ("The answer is $1,234.56.", None),
        (r"\boxed{3:45}", None),
    ],
)
def test_choices(text, marker):
    assert read("choice", text) == marker


@pytest.mark.parametrize(
    ("spec", "text", "answer"),
    [
        ("exact", "<answer>\nParis\n</answer>", "paris"),
        ("exact", "thinking about it <answer> Paris </answer> as said", "paris"),
        ("exact", "<final_answer>東京</final_answer>", "東京"),
        ("exact", "Paris\n</answer>", "paris"),
        ("exact", "<answer>The answer is **Paris**.</answer>", "paris"),
        ("exact", "The answer is **Paris**, the capital of France.", "paris"),
        ("exact", "# Final answer\n\nParis", "paris"),
        ("set", "<answer>\nParis\n</answer>", "paris"),
        ("json", '{"a": 1}\n\nQuestion: another\n{"a": 2}', '{"a":"1"}'),
        ("json", '{"a": {"b": 1}, "c": ', None),
        ("json", '{"a": {"b": 1}, }', None),
        (r"regex:[A-Z]{2}-\d+", "It is AB-12.\n\nQuestion: which else?\nIt is CD-34.", "ab-12"),
    ],
)
def test_texts(spec, text, answer):
    assert read(spec, text) == answer
