"""What a report says, without a browser."""

import json
import math
import re
import string
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from karui.codec.files import load_study, save
from karui.codec.values import encode
from karui.core.errors import InputError, StorageError, UnknownName
from karui.core.study import Assumptions, MeasuredPlan
from karui.core.study.choice import Rejected
from karui.core.study.reasons import Because, Reason
from karui.i18n.formats import Format, three_digits
from karui.i18n.report import LANGUAGES, TABLE
from karui.i18n.translator import Translator
from karui.measure.cost import MachinePrice, TokenPrices, machine_saving, token_saving
from karui.measure.savings import machine_counts, save_per_machine, save_per_token
from karui.report import write
from karui.report.context import Context
from karui.report.view_model import derived

DECISIONS = ("fix", "adopt", "pilot", "collect", "nothing", "withdrawn")


class Visible(HTMLParser):
    """Collects text that a reader sees."""

    def __init__(self):
        super().__init__()
        self.hidden, self.text = 0, []

    def handle_starttag(self, tag, attributes):
        self.hidden += tag in {"script", "style"}

    def handle_endtag(self, tag):
        self.hidden -= tag in {"script", "style"}

    def handle_data(self, data):
        if not self.hidden:
            self.text.append(data)


def visible(path):
    reader = Visible()
    reader.feed(path.read_text(encoding="utf-8"))
    return " ".join(reader.text)


def test_every_string_is_there_in_every_language_with_the_same_placeholders():
    fields = string.Formatter()
    for key, texts in TABLE.items():
        assert len(texts) == len(LANGUAGES), key
        assert all(text.strip() for text in texts), key
        en, ja = ({name for _, name, _, _ in fields.parse(t) if name} for t in texts)
        # "Wrong" is {wrong} at the beginning of a sentence, which Japanese does not know.
        assert {n.lower() for n in en} == {n.lower() for n in ja}, key
        if key != "aes":
            assert re.search("[\u3040-\u30ff\u3400-\u9fff]|^{", texts[1]), (key, texts[1])


def test_every_string_is_used():
    folder = Path(write.__code__.co_filename).parent
    texts = [*folder.rglob("*.py"), *folder.rglob("*.html"), *folder.parent.joinpath("i18n").glob("*.py")]
    source = "".join(p.read_text(encoding="utf-8") for p in texts)
    made = re.compile(
        r"(lead|next|fails|because|cure|caveat|mode|family|bill|axis|full|range_note|ended|curve|reason|action"
        r"|energy|look|limit)_|script |.*_agreement$|.*_judged$|agrees$|differs$"
        r"|certified$|promising$|not supported$|finished$|truncated$|full thinking$"
    )
    assert not [
        key for key in TABLE if f'"{key}"' not in source and f"'{key}'" not in source and not made.match(key)
    ]


@pytest.mark.parametrize("decision", DECISIONS)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_decision_is_written_in_every_form(study_of, tmp_path, decision, lang):
    study = study_of(decision)
    html, md, as_json = write(study, tmp_path / "made" / "here", lang)
    title = TABLE[decision][LANGUAGES.index(lang)].replace("{more}", "374")
    assert title in visible(html)
    assert title in md.read_text(encoding="utf-8")
    values = json.loads(as_json.read_text(encoding="utf-8"))
    assert values["derived"]["decision"]["name"] == decision
    assert values["plans"] == encode(study.plans)
    assert html.stat().st_size < 2_000_000


def test_a_page_is_whole_in_itself(study, tmp_path):
    (html,) = write(study, tmp_path, formats=["html"])
    text = html.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://|//cdn|@import|url\(|<img|<iframe|<link [^>]*href=\"[^d]", text)
    assert "default-src 'none'" in unescape(text)


def test_markup_in_any_text_stays_text(evil, tmp_path):
    html, md, _ = write(evil, tmp_path)
    assert "<script>window" not in html.read_text(encoding="utf-8")
    assert "<img src=x" not in html.read_text(encoding="utf-8")
    outside = re.sub(r"```.*?```|`[^`\n]*`", "", md.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert "<script" not in outside
    assert "<img" not in outside


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_is_missing_is_left_out(bare, tmp_path, lang):
    html, md, _ = write(bare, tmp_path, lang)
    for path in (html, md):
        text = visible(path) if path == html else path.read_text(encoding="utf-8")
        assert not re.search(r"\bNone\b(?!:)|\bnan\b|\binf\b", text), path


def test_a_plan_without_an_interval_claims_no_saving(study, tmp_path):
    # One question: the ratio of tokens has no upper end.
    entry = study.plans[-1]
    ratio = replace(entry.comparison.token_ratio, high=math.inf)
    unbounded = MeasuredPlan(entry.measurement, replace(entry.comparison, token_ratio=ratio))
    plans = (*study.plans[:-1], unbounded)
    html, *_ = write(replace(study, plans=plans), tmp_path)
    assert TABLE["no_ratio"][0] in visible(html)


@pytest.mark.parametrize(
    ("lang", "banned", "wanted"),
    [("en", "accura", "agreement with the full model"), ("ja", "正答率", "フルモデルとの一致率")],
)
def test_without_references_nothing_is_called_accuracy(study_of, tmp_path, lang, banned, wanted):
    html, md, _ = write(study_of(agreement=True), tmp_path, lang)
    for text in (visible(html), md.read_text(encoding="utf-8")):
        assert banned not in text.lower()
        assert wanted in text
    if lang == "en":
        seen = visible(html)
        assert not re.search(r"\b(correct|wrong|right)\b", seen.replace("how often it is right", ""))
    else:
        assert "正解" not in visible(html).replace("正解データがない", "")


def test_a_study_survives_its_file(study, tmp_path):
    path = tmp_path / "study.json"
    save(study, path)
    assert load_study(path) == study


def test_infinite_ends_become_null_and_come_back(study, tmp_path):
    path = tmp_path / "study.json"
    tokens = replace(study.baseline.tokens, low=-math.inf, high=math.inf)
    unbounded = replace(study, baseline=replace(study.baseline, tokens=tokens))
    save(unbounded, path)
    assert json.loads(path.read_text())["baseline"]["tokens"]["high"] is None
    assert load_study(path) == unbounded


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"made": 1}', '{"made":"", "manifest":{}, "choice":{}, "baseline":{}, "format": 99}'],
)
def test_a_file_that_is_no_study_is_refused(tmp_path, content):
    path = tmp_path / "study.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"study\.json"):
        load_study(path)


def test_unknown_names_and_full_disks_are_errors(study, tmp_path):
    with pytest.raises(UnknownName, match="fr"):
        write(study, tmp_path, "fr")
    with pytest.raises(UnknownName, match="pdf"):
        write(study, tmp_path, formats=["pdf"])
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        write(study, tmp_path / "file")
    with pytest.raises(InputError):
        load_study(tmp_path / "missing.json")


def test_savings_are_those_of_measure_cost(study):
    c = Context.of(study, "en")
    assert c.usage is not None
    a, u = c.assumed, c.usage
    token = save_per_token(u, a)
    prices = TokenPrices(a.price_prompt, a.price_cached, a.price_output, "EUR")
    assert token == token_saving(
        prices, 1e6, u.token_ratio, prompt=120, cached=0, generated=412, prompt_ratio=1, one_off=4000
    )
    # By hand: 412 tokens at 1.2 per million, a million questions: 494.40; the plan takes 0.358 to 0.404.
    assert token.monthly == pytest.approx((494.4 * (1 - 0.40386), 494.4 * (1 - 0.35814)))
    machine = save_per_machine(u, a)
    low, high = (850 / 412 / r for r in reversed(u.token_ratio))
    assert machine == machine_saving(MachinePrice(2.4, "EUR"), 12, 850 / 412, (low, high), one_off=4000)
    # 12 questions a second at 2.06 each need six machines; at 5.1 to 5.8 they need three.
    assert machine_counts(u, a) == (6, 3, 3)
    assert machine.monthly == pytest.approx((3 * 2.4 * 730,) * 2)
    half = save_per_machine(u, replace(a, hours=365.0))
    assert half.monthly == pytest.approx((3 * 2.4 * 365,) * 2)


def test_an_unknown_or_impossible_figure_gives_no_saving(study):
    c = Context.of(study, "en")
    assert save_per_token(c.usage, replace(c.assumed, price_output=None)) is None
    assert save_per_token(c.usage, replace(c.assumed, price_output=-1.0)) is None
    assert save_per_machine(c.usage, replace(c.assumed, machine_tokens_per_second=None)) is None
    assert Assumptions.of({"machine_tokens_per_second": 0.0}).machine_tokens_per_second is None


def test_controls_that_are_not_beaten_are_named(study):
    found = derived(study)
    by_plan = {e.plan: e.measurement for e in study.plans}
    assert found["not_better_than_a_control"]
    for plan, label in found["not_better_than_a_control"].items():
        m = by_plan.get(plan) or study.baselines_extra[0].measurement
        assert any(
            c.label == label
            and c.families == ("control",)
            and c.accuracy.value >= m.accuracy.value
            and c.tokens.value <= m.tokens.value
            for c in by_plan.values()
        )


def test_the_frontier_is_what_nothing_beats(study):
    found = derived(study)["frontier"]["tokens"]
    points = {e.plan: e.measurement for e in (*study.plans, *study.baselines_extra)}
    points["base"] = study.baseline
    at = [(points[p].tokens.value, points[p].accuracy.value) for p in found]
    assert at == sorted(at)
    for m in points.values():
        x, y = m.tokens.value, m.accuracy.value
        assert any(fx <= x and fy >= y for fx, fy in at)


def test_more_questions_are_those_still_missing(study_of):
    assert derived(study_of("collect"))["decision"]["more"] == 470 - 96
    assert derived(study_of("pilot"))["decision"]["more"] == 470 - 300
    assert derived(study_of("adopt"))["decision"]["more"] is None


def test_with_too_few_questions_nothing_to_gain_says_so(study_of, tmp_path):
    study = study_of("nothing")
    assert derived(study)["decision"]["more"] is None
    few = replace(study, choice=replace(study.choice, questions=100))
    assert derived(few)["decision"]["more"] == 149 - 100
    for folder, found in (("many", study), ("few", few)):
        html, md, _ = write(found, tmp_path / folder)
        for text in (visible(html), md.read_text(encoding="utf-8")):
            assert ("49 more are the least" in text) == (found is few)


def test_a_withdrawn_plan_claims_nothing(study_of, tmp_path):
    html, md, _ = write(study_of("withdrawn"), tmp_path)
    assert TABLE["savings_withdrawn"][0] in visible(html)
    assert "per month" not in md.read_text(encoding="utf-8")


def test_figures_of_the_shipped_recording_are_labelled(study, tmp_path):
    html, md, _ = write(study, tmp_path)
    assert visible(html).index(TABLE["shipped"][0]) < visible(html).index(TABLE["from_shipped"][0])
    assert TABLE["shipped"][0] in md.read_text(encoding="utf-8")


def test_markdown_tables_are_tables(study, tmp_path):
    (path,) = write(study, tmp_path, formats=["md"])
    lines = path.read_text(encoding="utf-8").splitlines()
    for rule in (i for i, line in enumerate(lines) if line.startswith("| :--")):
        columns = lines[rule].count("|")
        body = [line for line in lines[rule - 1 : rule + 4] if line.startswith("|")]
        assert all(len(re.findall(r"(?<!\\)\|", line)) == columns for line in body)


def test_numbers_are_written_as_each_language_writes_them():
    en, ja = Format("en"), Format("ja")
    assert en.points(0.012, sign=True) == "+1.2 points"
    assert en.points(-0.01) == "−1.0 points"
    assert en.points(0.01) == "1.0 point"
    assert en.points(-0.0001) == "0.0 points"
    assert ja.points_range(-0.004, 0.012) == "−0.4〜1.2ポイント"
    assert en.percents(0.9, 0.95) == "90.0 to 95.0%"
    assert en.money_range(1234, 5678, "EUR") == "EUR 1,230 to 5,680"
    assert ja.money_range(1234, 5678, "JPY") == "1,230〜5,680円"
    assert ja.money_range(1.234, 1.2341, "EUR") == "1.23 EUR"
    assert en.months(None, None) == "never"
    assert ja.months(1, None) == "最短1.0か月、場合により回収できない"
    assert ja.date("2026-11-24") == "2026年11月24日"
    assert en.date("2026-11-24T10:00:00") == "24 November 2026"
    assert en.scaled(1.28e12) == "1.28 T"
    assert [three_digits(v) for v in (1245, -1245, 0.012345, 0)] == [1250, -1250, 0.0123, 0]


def test_words_know_their_nouns():
    assert Translator("en")("loss_picture") == "Loss of accuracy against the limit"
    assert Translator("en", agreement=True)("confident_wrong_fact").startswith(
        "Different from the full model"
    )
    assert Translator("ja").known("something else") == "something else"


@pytest.mark.parametrize(
    ("lang", "told"), [("en", "could not be read or compared within the time limit"), ("ja", "制限時間内に")]
)
def test_answers_out_of_time_are_told_and_their_absence_is_not(study, tmp_path, lang, told):
    late = replace(study, manifest=replace(study.manifest, timeouts=7))
    for wanted, shown in ((True, late), (False, study)):
        paths = write(shown, tmp_path / str(wanted), lang=lang)
        texts = [
            visible(p) if p.suffix == ".html" else p.read_text("utf-8") for p in paths if p.suffix != ".json"
        ]
        assert texts
        assert all((told in text) is wanted for text in texts)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_energy_is_told_with_its_counter_and_its_absence_is_not(study, tmp_path, lang):
    metered = replace(study, manifest=replace(study.manifest, joules_per_token={"rapl": 0.5}))
    column = LANGUAGES.index(lang)
    for name, shown in (("metered", metered), ("study", study)):
        html, md, _ = write(shown, tmp_path / name, lang)
        for text in (visible(html), md.read_text("utf-8").replace("\\", "")):
            # 412 tokens of full thinking and 157 of the plan, half a joule each.
            wanted = [
                TABLE["energy_rapl"][column].format(joules="206.0"),
                TABLE["energy_plan"][column].format(joules="78.5"),
            ]
            assert all((part in text) is (shown is metered) for part in wanted)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_cannot_be_replayed_comes_together_under_one_sentence(study, tmp_path, lang):
    said = [f"vote(k={k}) may ask for {k} traces a question; 2 are recorded." for k in (4, 8, 16)]
    because = [Because(Reason.NOT_REPLAYABLE, text=text) for text in said]
    plans = tuple(Rejected(f"v{n}", f"vote(n={n})", why) for n, why in enumerate(because))
    write(replace(study, choice=replace(study.choice, rejected=plans)), tmp_path, lang)
    sentence = TABLE["reason_not_replayable"][LANGUAGES.index(lang)]
    page = visible(tmp_path / "report.html")
    assert page.count(sentence) == 1
    assert all(text in page for text in said)  # which error it was stands behind each plan
    lines = (tmp_path / "report.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if sentence in line] == [
        f"- {TABLE['rejected_count'][LANGUAGES.index(lang)].format(n=3)}: {sentence}"
    ]
