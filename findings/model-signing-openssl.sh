#!/usr/bin/env bash
# model-signing 1.1.1 imports OpenSSL (pyOpenSSL) and does not require it.
#
# Its metadata name cryptography and sigstore>=4.0; sigstore 4 no longer brings pyOpenSSL. After a plain `pip install
# model-signing`, `import model_signing.signing` ends in ModuleNotFoundError. `pip install pyOpenSSL` mends it.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet model-signing==1.1.1 sigstore==4.5.1
said=$("$place/venv/bin/python" -c "import model_signing.signing" 2>&1 || true)
echo "$said" | tail -1
grep -q "No module named 'OpenSSL'" <<<"$said"
"$place/venv/bin/pip" install --quiet pyOpenSSL==26.4.0
"$place/venv/bin/python" -c "import model_signing.signing; print('with pyOpenSSL it is imported')"
