"""Part I: a language model from scratch, one module for each notebook from 01 to 06.

`from coursekit.lm import GPT, GPTConfig, ByteLevelBPE, train, generate` and all the rest. Names are
looked up when they are first asked for, so importing this room costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coursekit._faces import lazy_face

if TYPE_CHECKING:
    from coursekit.lm.attention import (
        CausalSelfAttention,
        KeyValueCache,
        causal_mask,
        scaled_dot_product_attention,
    )
    from coursekit.lm.batches import Batches
    from coursekit.lm.checkpoints import load_gpt
    from coursekit.lm.generation import (
        Beam,
        adjust_logits,
        apply_temperature,
        beam_search,
        generate,
        greedy,
        keep_min_p,
        keep_top_k,
        keep_top_p,
        penalise_repetition,
        sample,
        tokens_seen,
    )
    from coursekit.lm.gpt import (
        GPT,
        Block,
        GPTConfig,
        forward_flops,
        next_token_loss,
        parameter_count,
    )
    from coursekit.lm.llama import Llama, LlamaConfig
    from coursekit.lm.memorization import (
        chance_exposure,
        exposure,
        secret_log_probs,
        without_duplicates,
    )
    from coursekit.lm.ngram import NGram
    from coursekit.lm.optimization import TrainingConfig, adamw, learning_rate_at
    from coursekit.lm.policy import (
        expected_reward,
        policy_divergence,
        regularised_optimum,
        train_policy,
    )
    from coursekit.lm.positional import (
        alibi_bias,
        alibi_slopes,
        apply_rotary,
        extended_rotary,
        relative_buckets,
        rotary_angles,
        sinusoidal,
    )
    from coursekit.lm.prediction import evaluate_loss, sequence_logits
    from coursekit.lm.privacy import (
        per_example_gradients,
        privacy_spent,
        private_gradient,
        train_privately,
    )
    from coursekit.lm.speculative import Kept, Speculation, keep_drafted, speculate
    from coursekit.lm.tokenization import ByteLevelBPE, merge, split_words
    from coursekit.lm.training import History, train
    from coursekit.lm.unigram import UnigramLM
    from coursekit.lm.wordpiece import word_pieces

#: In which module each name lives.
_HOMES = {
    "Batches": "batches",
    "Beam": "generation",
    "Block": "gpt",
    "ByteLevelBPE": "tokenization",
    "CausalSelfAttention": "attention",
    "GPT": "gpt",
    "GPTConfig": "gpt",
    "History": "training",
    "Kept": "speculative",
    "KeyValueCache": "attention",
    "Llama": "llama",
    "LlamaConfig": "llama",
    "NGram": "ngram",
    "Speculation": "speculative",
    "TrainingConfig": "optimization",
    "UnigramLM": "unigram",
    "adamw": "optimization",
    "adjust_logits": "generation",
    "alibi_bias": "positional",
    "alibi_slopes": "positional",
    "apply_rotary": "positional",
    "apply_temperature": "generation",
    "beam_search": "generation",
    "causal_mask": "attention",
    "chance_exposure": "memorization",
    "evaluate_loss": "prediction",
    "expected_reward": "policy",
    "exposure": "memorization",
    "extended_rotary": "positional",
    "forward_flops": "gpt",
    "generate": "generation",
    "greedy": "generation",
    "keep_drafted": "speculative",
    "keep_min_p": "generation",
    "keep_top_k": "generation",
    "keep_top_p": "generation",
    "learning_rate_at": "optimization",
    "load_gpt": "checkpoints",
    "merge": "tokenization",
    "next_token_loss": "gpt",
    "parameter_count": "gpt",
    "penalise_repetition": "generation",
    "per_example_gradients": "privacy",
    "policy_divergence": "policy",
    "privacy_spent": "privacy",
    "private_gradient": "privacy",
    "regularised_optimum": "policy",
    "relative_buckets": "positional",
    "rotary_angles": "positional",
    "sample": "generation",
    "scaled_dot_product_attention": "attention",
    "secret_log_probs": "memorization",
    "sequence_logits": "prediction",
    "sinusoidal": "positional",
    "speculate": "speculative",
    "split_words": "tokenization",
    "tokens_seen": "generation",
    "train": "training",
    "train_policy": "policy",
    "train_privately": "privacy",
    "without_duplicates": "memorization",
    "word_pieces": "wordpiece",
}

__all__ = [
    "GPT",
    "Batches",
    "Beam",
    "Block",
    "ByteLevelBPE",
    "CausalSelfAttention",
    "GPTConfig",
    "History",
    "Kept",
    "KeyValueCache",
    "Llama",
    "LlamaConfig",
    "NGram",
    "Speculation",
    "TrainingConfig",
    "UnigramLM",
    "adamw",
    "adjust_logits",
    "alibi_bias",
    "alibi_slopes",
    "apply_rotary",
    "apply_temperature",
    "beam_search",
    "causal_mask",
    "chance_exposure",
    "evaluate_loss",
    "expected_reward",
    "exposure",
    "extended_rotary",
    "forward_flops",
    "generate",
    "greedy",
    "keep_drafted",
    "keep_min_p",
    "keep_top_k",
    "keep_top_p",
    "learning_rate_at",
    "load_gpt",
    "merge",
    "next_token_loss",
    "parameter_count",
    "penalise_repetition",
    "per_example_gradients",
    "policy_divergence",
    "privacy_spent",
    "private_gradient",
    "regularised_optimum",
    "relative_buckets",
    "rotary_angles",
    "sample",
    "scaled_dot_product_attention",
    "secret_log_probs",
    "sequence_logits",
    "sinusoidal",
    "speculate",
    "split_words",
    "tokens_seen",
    "train",
    "train_policy",
    "train_privately",
    "without_duplicates",
    "word_pieces",
]

__getattr__, __dir__ = lazy_face(__name__, _HOMES)
