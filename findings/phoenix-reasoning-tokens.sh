#!/usr/bin/env bash
# arize-phoenix 20.26.1: of spans by OpenTelemetry's GenAI conventions, reasoning tokens are not counted, and the id of
# a response that holds no message is shown as its output.
#
# 1. gen_ai.usage.reasoning.output_tokens (a name of opentelemetry-semantic-conventions, which Phoenix itself reads the
#    others from) does not become llm.token_count.completion_details.reasoning, which OpenInference has for it; the
#    details of the prompt (cache read, cache creation) do get their names. The attribute is kept as it came, and whoever
#    reads OpenInference's name finds none.
# 2. A span that has gen_ai.response.id and no gen_ai.output.messages (content is opt-in by the conventions) gets
#    output.value = {"id": …} as JSON, which stands where an answer would.
#
# Only the function that converts attributes is called; no server runs, nothing is sent.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet arize-phoenix==20.26.1
export PHOENIX_WORKING_DIR="$place" PHOENIX_TELEMETRY_ENABLED=false PHOENIX_ALLOW_EXTERNAL_RESOURCES=false
cd "$place"
"$place/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

from openinference.semconv.trace import SpanAttributes
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from phoenix.trace.gen_ai.conversion import get_openinference_attributes

found = get_openinference_attributes(
    {
        gen_ai.GEN_AI_OPERATION_NAME: "chat",
        gen_ai.GEN_AI_REQUEST_MODEL: "m",
        gen_ai.GEN_AI_RESPONSE_ID: "r-1",
        gen_ai.GEN_AI_USAGE_INPUT_TOKENS: 10,
        gen_ai.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: 4,
        gen_ai.GEN_AI_USAGE_OUTPUT_TOKENS: 30,
        gen_ai.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: 20,
    }
)
print(f"arize-phoenix {version('arize-phoenix')}: {found}")
assert found[SpanAttributes.LLM_TOKEN_COUNT_COMPLETION] == 30
assert found[SpanAttributes.LLM_TOKEN_COUNT_PROMPT_DETAILS_CACHE_READ] == 4
assert SpanAttributes.LLM_TOKEN_COUNT_COMPLETION_DETAILS_REASONING not in found
assert 20 not in found.values()
assert found[SpanAttributes.OUTPUT_VALUE] == '{"id": "r-1"}'
PY
echo "as described"
