#!/usr/bin/env bash
# in-toto-attestation 0.9.3: the seed 9007199254740993 of a predicate becomes 9007199254740992, and 5 becomes 5.0.
#
# A Statement keeps its predicate as protobuf's Struct, whose only number is a double. What is written is therefore not
# what was given: whole numbers come out as 5.0, those beyond 2^53 (seeds, ids, times in nanoseconds) as their neighbours,
# and keys in another order. validate() passes, and nothing is raised. So the bytes that are signed are others than those
# of the predicate's own JSON, a digest over it does not match, and who compares a count as text or asks a schema for
# "integer" by type finds another thing. The specification says JSON, and knows no such limit.
#
# Known for the float as securesystemslib#625 (which cannot canonicalise it); the lost digits were not found on record.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet in-toto-attestation==0.9.3 protobuf==7.36.2
"$place/venv/bin/python" - <<'PY'
import json
from importlib.metadata import version

from google.protobuf.json_format import MessageToJson
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement

given = {"result": "PASSED", "questions": 5, "seed": 9007199254740993, "share": 0.1}
subject = ResourceDescriptor(name="model", digest={"sha256": "a" * 64})
statement = Statement([subject.pb], "https://in-toto.io/attestation/test-result/v0.1", given)
statement.validate()
written = MessageToJson(statement.pb)
read = json.loads(written)["predicate"]
print(f"in-toto-attestation {version('in-toto-attestation')}: given {json.dumps(given, sort_keys=True)}")
print(f"written {json.dumps(read, sort_keys=True)}")
assert type(read["questions"]) is float and read["questions"] == 5, read
assert int(read["seed"]) == 9007199254740992 != given["seed"], read
assert '"questions": 5.0' in written, written
assert read["share"] == 0.1 and read["result"] == "PASSED", read
PY
echo "as described"
