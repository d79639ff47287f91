"""llama.cpp's own server on a GGUF file, until its standard input ends: run as a script."""

import sys

import xllamacpp


def main(path: str, slots: int) -> None:
    """Prints the address once it answers."""
    params = xllamacpp.CommonParams()
    params.model.path, params.model_alias = path, {"mini"}
    params.n_parallel = slots
    params.n_ctx = 2048 * slots
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.hostnames, params.port = ["127.0.0.1"], 0
    # Without flash attention Q8_0 gives a row the same logits whatever runs beside it.
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.endpoint_metrics = params.endpoint_slots = True
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
