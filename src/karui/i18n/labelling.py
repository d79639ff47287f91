"""Every sentence of the labelling page and of its command, in each language."""

from karui.i18n.languages import LANGUAGES

TEXT: dict[str, tuple[str, str]] = {
    "title": ("Label answers", "回答の評価"),
    "lead_pairwise": ("Which answer would you rather get?", "どちらの回答を受け取りたいですか？"),
    "lead_rubric": ("Is this answer good?", "この回答は良い回答ですか？"),
    "hint_pairwise": (
        "Places are drawn at random, so nobody can tell which is which. Length is no merit.",
        "回答の並びは無作為で、どのモデル設定の回答かは分かりません。長さは評価の対象ではありません。",
    ),
    "hint_rubric": (
        "Right, complete, and as asked? Length is no merit.",
        "正しく、漏れがなく、求められたとおりかを見てください。長さは評価の対象ではありません。",
    ),
    "question": ("Question", "質問"),
    "criteria": ("A good answer says", "良い回答の条件"),
    "left": ("Left", "左の回答"),
    "right": ("Right", "右の回答"),
    "upper": ("Upper", "上の回答"),
    "lower": ("Lower", "下の回答"),
    "answer": ("Answer", "回答"),
    "none": ("(no answer)", "（回答なし）"),
    "written": ("Show Markdown as it is written", "Markdownを整形せずに表示"),
    "pair_1": ("Left is better", "左が良い"),
    "pair_2": ("The same", "同じくらい"),
    "pair_3": ("Right is better", "右が良い"),
    "stacked_1": ("Upper", "上が良い"),
    "stacked_2": ("The same", "同じくらい"),
    "stacked_3": ("Lower", "下が良い"),
    "one_1": ("Good", "良い"),
    "one_2": ("Unsure", "判断できない"),
    "one_3": ("Bad", "良くない"),
    "back": ("Back", "一つ戻る"),
    "next": ("Next", "次へ"),
    "keys": ("Keys: 1, 2, 3; ← back, → next", "キー操作：1・2・3で評価、←で戻る、→で次へ"),
    "progress": ("{done} of {total} labelled", "{total}件中{done}件を評価済み"),
    "saved": (
        "Every label is kept at once; you may stop at any time.",
        "評価はその都度保存されます。いつでも中断できます。",
    ),
    "finished": ("All labelled", "すべて評価しました"),
    "finished_lead": (
        "Run the same karui choose (or karui poc) again: it takes the labels in.",
        "同じ「karui choose」（または「karui poc」）をもう一度実行すると、評価が反映されます。",
    ),
    "offline": (
        "The label could not be kept: {why}. Is karui label still running?",
        "評価を保存できませんでした：{why}。「karui label」が動いているか確認してください。",
    ),
    "language": ("Language", "言語"),
}


class LabelTranslator:
    """Looks sentences up in one language.

    Attributes:
        lang: One of `LANGUAGES`.
    """

    def __init__(self, lang: str) -> None:
        """Chooses the language."""
        self.lang, self._column = lang, LANGUAGES.index(lang)

    def __call__(self, key: str) -> str:
        """Returns the sentence of a key; what is in braces the page fills in."""
        return TEXT[key][self._column]

    @property
    def all(self) -> dict[str, str]:
        """Every sentence, for the page's script."""
        return {key: texts[self._column] for key, texts in TEXT.items()}
