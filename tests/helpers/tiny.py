"""Tiny random models and byte-level tokenizers, made in the test: nothing is fetched."""

from itertools import pairwise
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

TEXT = "Wait, the answer is 12.\n\nSo 3 + 4 = 7. Hmm, let me check: \\boxed{7}. 日本語 naïve\n\n" * 3
_TURN = "{{- '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' -}}"
_TURNS = "{%- for m in messages -%}" + _TURN + "{%- endfor -%}"
_GO_ON = "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}"
PLAIN = _TURNS + _GO_ON + "{%- endif -%}"
QWEN3 = (
    _TURNS
    + _GO_ON
    + "{%- if enable_thinking is defined and enable_thinking is false -%}"
    + "{{- '<think>\\n\\n</think>\\n\\n' -}}{%- endif -%}{%- endif -%}"
)
# As DeepSeek's distils: the template drops earlier thinking and opens the new one itself.
DISTIL = (
    "{%- for m in messages -%}{%- if m.role == 'assistant' -%}{{- m.content.split('</think>')[-1] -}}"
    "{%- else -%}" + _TURN + "{%- endif -%}{%- endfor -%}" + _GO_ON + "{{- '<think>\\n' -}}{%- endif -%}"
)


def make_tokenizer(template=DISTIL, marks=("<think>", "</think>"), merges=30):
    """Returns a byte-level BPE with a few merges."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    added = [AddedToken(t, special=t in special, normalized=False) for t in (*special, *marks)]
    trainer = trainers.BpeTrainer(
        vocab_size=256 + len(added) + merges,
        special_tokens=added,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([TEXT], trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = template or None
    return fast


def make_model(tokenizer, kind="qwen3", seed=0, **config):
    """Returns a random model whose distributions are neither flat nor sure."""
    torch.manual_seed(seed)
    values = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": 4096,
        "eos_token_id": tokenizer.eos_token_id,
        "tie_word_embeddings": False,
        **config,
    }
    classes = {"qwen3": (Qwen3Config, Qwen3ForCausalLM), "llama": (LlamaConfig, LlamaForCausalLM)}
    make_config, make = classes[kind]
    model = make(make_config(**values)).eval()
    for parameter in model.parameters():
        if parameter.ndim == 2:
            torch.nn.init.normal_(parameter, std=0.3)
    return model


def save(folder, **options):
    """Writes a model folder and returns its path."""
    tokenizer = make_tokenizer(**{k: v for k, v in options.items() if k in {"template", "marks", "merges"}})
    model = make_model(
        tokenizer, **{k: v for k, v in options.items() if k not in {"template", "marks", "merges"}}
    )
    folder = Path(folder)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_chain(folder, template, prompt_end, reply, marks):
    """Writes a model that says one reply and ends, whatever it is asked; returns its path.

    The token that it writes hangs on the one before alone, so that no token may be in the reply twice.

    Args:
        folder: Where it goes.
        template: Its chat template.
        prompt_end: What prompts end with: the first token of the reply follows the last one of this.
        reply: The text, without the end of the turn.
        checkpoints: Tokens beside the usual ones.
    """
    tokenizer = make_tokenizer(template, marks)
    ids = tokenizer.encode(prompt_end + reply, add_special_tokens=False)
    first = len(tokenizer.encode(prompt_end, add_special_tokens=False)) - 1
    chain = [*ids[first:], tokenizer.eos_token_id]
    assert len(set(chain)) == len(chain), "a token that comes twice has two that follow it"
    model = make_model(tokenizer, "llama", hidden_size=64, head_dim=16)
    with torch.no_grad():
        for layer in model.model.layers:  # nothing but the token itself reaches the end
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        model.lm_head.weight.zero_()
        for one, following in pairwise(chain):
            model.lm_head.weight[following] = model.model.embed_tokens.weight[one]
        model.lm_head.weight.mul_(4 / model.model.embed_tokens.weight.std())
    folder = Path(folder)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
