"""Clauses of guidelines and standards, and what of a passport answers each: English, then Japanese.

An answer of None says that karui does not answer it. `karui.passport.contract` fills in what is in braces.
"""

from dataclasses import dataclass

Both = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause.

    Attributes:
        standard: The document.
        number: As the document counts it; "" where only the theme is named.
        topic: What it asks for.
        answer: What answers it, or in what part; None where karui does not.
    """

    standard: Both
    number: str
    topic: Both
    answer: Both | None = None


_AIGB: Both = ("AI Guidelines for Business (Japan)", "AI事業者ガイドライン")
_METI: Both = ("METI contract checklist (Feb. 2025)", "AIの利用・開発に関する契約チェックリスト（2025年2月）")
_EU: Both = ("EU Model Documentation Form", "EU モデル文書化様式")
_ISO: Both = ("ISO/IEC 42001:2023", "ISO/IEC 42001:2023")

CLAUSES: tuple[Clause, ...] = (
    Clause(
        _AIGB,
        "2)",
        ("Safety: accuracy fit for the use, limits known", "安全性：用途に応じた正確性、限界の把握"),
        (
            "Only in this: {about} {accuracy}; {at_most}; kinds: {kinds}",
            "この点のみ：{about} {accuracy}、{at_most}、種類別：{kinds}",
        ),
    ),
    Clause(_AIGB, "3)", ("Fairness", "公平性")),
    Clause(
        _AIGB,
        "4)",
        ("Privacy protection", "プライバシー保護"),
        (
            "Only in this: the passport holds digests of questions; texts included: {shown}",
            "この点のみ：パスポートは問題のダイジェストを収め、問題文は{shown}",
        ),
    ),
    Clause(
        _AIGB,
        "5)",
        ("Security", "セキュリティ確保"),
        (
            "Only in this: signature, and SHA-256 of {file_count} files of the model",
            "この点のみ：署名、およびモデルの{file_count}ファイルのSHA-256",
        ),
    ),
    Clause(
        _AIGB,
        "6)",
        (
            "Transparency: verifiability, information for those concerned",
            "透明性：検証可能性、関係者への情報提供",
        ),
        (
            "Only in this: the passport, checked by its public key; digests of study and questions",
            "この点のみ：公開鍵で検証できるパスポート、スタディと問題のダイジェスト",
        ),
    ),
    Clause(
        _AIGB,
        "7)",
        (
            "Accountability: traceability, responsibilities in writing",
            "アカウンタビリティ：追跡可能性、責任の明文化",
        ),
        (
            "Traceability: digests of recordings and versions. Responsibilities: section 6, by the parties",
            "追跡可能性：記録のダイジェストとバージョン。責任：第6節（当事者が記入）",
        ),
    ),
    Clause(
        _AIGB,
        "P-2) ii",
        ("Provider: provision within the scope of appropriate use", "提供者：適正利用に資する提供"),
        (
            "Only in this: conditions, section 2; fallback: {fallback}",
            "この点のみ：条件（第2節）、フォールバック：{fallback}",
        ),
    ),
    Clause(
        _AIGB,
        "P-6) i",
        ("Provider: documentation of the system's architecture", "提供者：システムアーキテクチャ等の文書化"),
        (
            "Only in this: model, plan, engine {engine}, sampling, versions (section 2)",
            "この点のみ：モデル、プラン、エンジン{engine}、サンプリング、バージョン（第2節）",
        ),
    ),
    Clause(
        _AIGB,
        "P-6) ii",
        ("Provider: information for stakeholders", "提供者：関連するステークホルダーへの情報提供"),
        (
            "Only in this: what performance is promised, and under which conditions",
            "この点のみ：約束する性能とその条件",
        ),
    ),
    Clause(_AIGB, "P-7) ii", ("Provider: terms of service in writing", "提供者：サービス規約等の文書化")),
    Clause(
        _AIGB,
        "",
        (
            "A person's judgement in what the system decides (a theme of 1.2, from reports of it)",
            "人間の判断の介在（第1.2版の主題。報道等による）",
        ),
        (
            "Only in this: the fallback decided beforehand, {fallback}; who decides: section 6",
            "この点のみ：フォールバックは事前に決定（{fallback}）、判断者は第6節に記入",
        ),
    ),
    Clause(
        _AIGB,
        "",
        (
            "AI agents and physical AI: operations by themselves (a theme of 1.2, from reports of it)",
            "AIエージェント・フィジカルAI：自律的な操作への対応（第1.2版の主題。報道等による）",
        ),
    ),
    Clause(
        _METI,
        "",
        ("Quality and performance of what is delivered", "成果物・サービスの性能・品質"),
        ("Guarantee, section 1; acceptance: {accept} questions", "保証（第1節）、検収：{accept}問"),
    ),
    Clause(_METI, "", ("Handling and purposes of inputs", "インプットの取扱い・利用目的")),
    Clause(_METI, "", ("Rights to and use of outputs", "アウトプットの権利・利用条件")),
    Clause(
        _METI,
        "",
        ("Changes and updates of the service", "サービスの変更・アップデート"),
        ("What ends the promise, section 2; re-evaluation, section 5", "失効事由（第2節）、再評価（第5節）"),
    ),
    Clause(_METI, "", ("Liability and indemnity", "責任・補償")),
    Clause(
        _EU,
        "General information",
        ("Provider, model name, version, release", "提供者、モデル名、バージョン、公開日"),
        (
            "Model {model}, {file_count} files by SHA-256; provider and dates of release: by the parties",
            "モデル{model}、{file_count}ファイルのSHA-256。提供者・公開日は当事者が記入",
        ),
    ),
    Clause(
        _EU,
        "Model properties",
        ("Architecture, modalities, size in parameters", "アーキテクチャ、モダリティ、パラメータ数"),
        (
            "Parameters: {parameters}; the rest is not answered",
            "パラメータ数：{parameters}。他は回答できません",
        ),
    ),
    Clause(
        _EU, "Methods of distribution and licenses", ("Distribution and licences", "配布方法とライセンス")
    ),
    Clause(
        _EU,
        "Use",
        ("Required hardware and software; intended uses", "必要なハードウェア・ソフトウェア、想定用途"),
        (
            "Measured on {machine}; memory {memory}. Intended uses: by the parties",
            "測定環境：{machine}、メモリ{memory}。想定用途は当事者が記入",
        ),
    ),
    Clause(_EU, "Training process", ("Design of training and its rationale", "学習プロセスの設計と根拠")),
    Clause(
        _EU,
        "Data used for training, testing and validation",
        ("Provenance and characteristics of data", "データの来歴と特性"),
        ("Testing only: {questions}; digest {digest}", "テストのみ：{questions}、ダイジェスト{digest}"),
    ),
    Clause(_EU, "Computational resources", ("Computation of training", "学習時の計算資源")),
    Clause(
        _EU,
        "Energy consumption",
        (
            "Energy of training; computation of inference, and how it was measured",
            "学習時のエネルギー、推論の計算量と測定方法",
        ),
        (
            "Inference only: {flops} FLOPs a question, counted from the model's shape; energy {energy}",
            "推論のみ：1問あたり{flops} FLOPs（モデルの形状から計算）、エネルギー：{energy}",
        ),
    ),
    Clause(_ISO, "6.1.4", ("AI system impact assessment", "AIシステム影響評価")),
    Clause(
        _ISO,
        "8.1",
        ("Operational planning and control", "運用の計画及び管理"),
        ("Conditions, section 2; fallback: {fallback}", "条件（第2節）、フォールバック：{fallback}"),
    ),
    Clause(
        _ISO,
        "9.1",
        ("Monitoring, measurement, analysis and evaluation", "監視、測定、分析及び評価"),
        (
            "Figures with intervals, section 1; monitoring, section 3",
            "区間付きの数値（第1節）、監視（第3節）",
        ),
    ),
    Clause(_ISO, "9.2", ("Internal audit", "内部監査")),
    Clause(
        _ISO,
        "A.4.5",
        ("System and computing resources", "システム及び計算資源"),
        (
            "{machine}; memory {memory}; {flops} FLOPs a question",
            "{machine}、メモリ{memory}、1問あたり{flops} FLOPs",
        ),
    ),
    Clause(
        _ISO,
        "A.6.2.4",
        ("Verification and validation of the AI system", "AIシステムの検証及び妥当性確認"),
        (
            "Verdict {verdict}: {at_most}, on {tested} questions; live: {live}",
            "判定：{verdict}、{at_most}（{tested}問）。実地確認：{live}",
        ),
    ),
    Clause(_ISO, "A.6.2.6", ("Operation and monitoring", "運用及び監視"), ("Section 3", "第3節")),
    Clause(
        _ISO,
        "A.6.2.7",
        ("Technical documentation", "技術文書"),
        ("The passport, and its CycloneDX 1.7 BOM", "パスポートとCycloneDX 1.7 BOM"),
    ),
    Clause(_ISO, "A.7.5", ("Provenance of data", "データの来歴")),
    Clause(
        _ISO,
        "A.8.2",
        ("Documentation and information for users", "利用者への文書及び情報"),
        ("This sheet", "本シート"),
    ),
    Clause(_ISO, "A.10.2", ("Allocation of responsibilities", "責任の割当て")),
)
