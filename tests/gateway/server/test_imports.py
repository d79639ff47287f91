"""What serving before a server does not import."""

import subprocess
import sys


def test_serving_before_a_server_imports_no_torch():
    code = (
        "import sys; from tests.helpers.fake_server import serving\n"
        "from tests.helpers.gateways import opened\n"
        "with serving() as fake, opened(fake) as house: house.ask()\n"
        "print(*[n for n in ('torch', 'transformers') if n in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
