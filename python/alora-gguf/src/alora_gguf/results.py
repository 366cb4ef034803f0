"""What the commands report, as frozen dataclasses.

Made from schemas/ by scripts/make_python_results.py (`make python-results`): do not edit.
A newer command may report more; fields that a class does not know are passed over.
"""

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "AdapterSummary",
    "AdapterSummaryTarget",
    "ArraySummary",
    "CacheBlock",
    "Cause",
    "CauseDifference",
    "CauseNearest",
    "Conversion",
    "ConversionNote",
    "ConvertedAdapter",
    "ConvertedLibrary",
    "ConvertedModule",
    "ConvertedTree",
    "Difference",
    "DifferenceEntry",
    "EditedAdapter",
    "FailedAdapter",
    "Figures",
    "FiguresGolden",
    "FiguresMistake",
    "Finding",
    "FindingCause",
    "FindingFinding",
    "GoldenCase",
    "GoldenMistake",
    "GoldenRecord",
    "Inspection",
    "IntrinsicFinding",
    "Invocation",
    "InvocationFinding",
    "InvocationReport",
    "InvocationReportNote",
    "LogitsReport",
    "LogitsText",
    "MetadataEntry",
    "Mistake",
    "ModelSummary",
    "PeftConversion",
    "PeftConversionModule",
    "PromptActivation",
    "PromptActivationTransformers5",
    "Proof",
    "RecordedCase",
    "RowComparison",
    "ServerCheck",
    "ServerCheckExpected",
    "ServerCheckFit",
    "ServerCheckReused",
    "ServerCheckScaling",
    "ServerDescription",
    "ServerVerification",
    "SwitchNote",
    "SwitchResetToken",
    "SwitchSlot",
    "SwitchSlotModule",
    "SwitchSummary",
    "TensorSummary",
    "TensorSummaryValues",
    "Tokenization",
    "TokenizationTransformers5",
    "TopEntry",
    "TopTokens",
    "Verification",
    "VerifiedCase",
    "VerifiedPosition",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertedModule:
    """Part of `alora convert --json`."""

    #: The module's path in the Hugging Face model.
    name: str
    #: r.
    rank: int
    #: What PEFT multiplies B · A by.
    scaling: float
    #: What was multiplied into lora_b, because one alpha cannot express the scaling; 1 for nothing.
    folded_factor: float
    #: The base tensors in GGUF that the module becomes.
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionNote:
    """Part of `alora convert --json`."""

    #: The field or the tensor.
    place: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """One adapter's conversion."""

    #: The adapter's directory.
    adapter: str
    #: general.architecture.
    architecture: str
    #: The path of the GGUF.
    outfile: str
    #: False for --dry-run.
    written: bool
    #: With auto, the one that was chosen.
    outtype: Literal["f32", "f16", "bf16", "q8_0"]
    #: The size of the GGUF.
    byte_count: int
    #: adapter.lora.alpha.
    alpha: float
    #: Token ids; null for a plain LoRA.
    invocation_tokens: tuple[int, ...] | None
    tensor_count: int
    modules: tuple[ConvertedModule, ...]
    #: What one should know about this conversion.
    notes: tuple[ConversionNote, ...]
    #: Elements that a scaling was multiplied into; once written.
    folded_element_count: int | None = None
    #: How many of those had to be rounded; once written.
    rounded_element_count: int | None = None
    #: Elements other than 0 that the element type rounds to 0; once written.
    flushed_element_count: int | None = None
    #: Updates that are 0, because one of their factors is; once written.
    idle_update_count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PeftConversionModule:
    """Part of `alora convert --json`."""

    #: The module's path in the Hugging Face model.
    name: str
    #: r.
    rank: int
    #: What PEFT multiplies B · A by.
    scaling: float
    #: The base tensors in GGUF, or the MLX modules, that it was made from.
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeftConversion:
    """An adapter that becomes a PEFT directory (--to peft)."""

    #: The GGUF, or the MLX adapter's directory.
    adapter: str
    #: The PEFT directory.
    outdir: str
    #: False for --dry-run.
    written: bool
    #: The size of adapter_model.safetensors.
    byte_count: int
    tensor_count: int
    #: Token ids; null for a plain LoRA.
    invocation_tokens: tuple[int, ...] | None
    modules: tuple[PeftConversionModule, ...]
    #: What one should know about this conversion.
    notes: tuple[ConversionNote, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EditedAdapter:
    """A GGUF adapter that keeps its form, with other types or keys."""

    #: The GGUF that was read.
    adapter: str
    #: The GGUF that was written.
    outfile: str
    #: False for --dry-run.
    written: bool
    #: The size of the GGUF.
    byte_count: int
    tensor_count: int
    #: The keys of --set, in its order.
    changed_keys: tuple[str, ...]
    #: Missing if every tensor keeps its type.
    outtype: Literal["f32", "f16", "bf16", "q8_0"] | None = None
    #: Elements other than 0 that the element type rounds to 0; once written.
    flushed_element_count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IntrinsicFinding:
    """Part of `alora convert --json`."""

    #: The kind of finding; it doesn't change between versions.
    id: str
    severity: Literal["info", "warning", "error"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertedAdapter:
    """Part of `alora convert --json`."""

    #: The path below the tree's root.
    adapter: str
    #: False for --dry-run.
    converted: bool
    result: Conversion
    io_findings: tuple[IntrinsicFinding, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedAdapter:
    """Part of `alora convert --json`."""

    #: The path below the tree's root.
    adapter: str
    converted: Literal[False]
    #: The line that a single conversion would have printed.
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertedLibrary:
    """Part of `alora convert --json`."""

    directory: str
    #: The names that clients ask for.
    adapters: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertedTree:
    """The adapters of a tree (--recursive), in the order of their paths."""

    adapters: tuple[ConvertedAdapter | FailedAdapter, ...]
    #: The libraries that --index wrote, one for each base.
    libraries: tuple[ConvertedLibrary, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterSummaryTarget:
    """Part of `alora inspect --json`."""

    #: The module within a layer: self_attn.q_proj in PEFT, attn_q in GGUF.
    name: str
    #: The layers that have it; empty for a module outside of the layers.
    layers: tuple[int, ...]
    ranks: tuple[int, ...]
    #: The effective multipliers of B · A.
    scalings: tuple[float, ...]
    #: [out, in] of the weight; null where the layers differ.
    weight_shape: tuple[int, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterSummary:
    """Part of `alora inspect --json`."""

    #: Null if the adapter has none.
    alpha: float | None
    rank_stabilized: bool
    #: Token ids; null for a plain LoRA.
    invocation_tokens: tuple[int, ...] | None
    module_count: int
    parameter_count: int
    targets: tuple[AdapterSummaryTarget, ...]
    notes: tuple[str, ...]
    #: Missing where only the base could tell.
    architecture: str | None = None
    #: The base as the adapter records it.
    base: str | None = None
    #: How the tokens read, where a tokenizer is at hand.
    invocation_text: str | None = None
    #: Of a legacy adapter.
    invocation_string: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSummary:
    """Part of `alora inspect --json`."""

    architecture: str
    layer_count: int
    hidden_size: int
    head_count: int
    key_value_head_count: int
    head_dimension: int
    feed_forward_size: int
    expert_count: int
    vocabulary_size: int
    ties_embeddings: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchResetToken:
    """The token that returns to the base."""

    control_token: int
    substitute_token: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchSlotModule:
    """Part of `alora inspect --json`."""

    module: Literal["query", "key", "value", "output", "gate", "up", "down"]
    layers: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchSlot:
    """Part of `alora inspect --json`."""

    slot: int
    #: Null in a GGUF.
    name: str | None
    control_token: int
    #: Null without a tokenizer.
    control_text: str | None
    substitute_token: int
    substitute_text: str | None
    #: The rank that the configuration gives the slot; null in a GGUF.
    declared_rank: int | None
    #: The rank that the weights have; null without weights.
    rank: int | None
    #: The modules that the slot changes.
    modules: tuple[SwitchSlotModule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchNote:
    """Part of `alora inspect --json`."""

    code: Literal["control-token-outside-vocabulary", "substitute-outside-vocabulary", "substitute-is-control-token", "control-token-is-ordinary", "empty-slot", "other-rank", "repeated-name", "changed-base", "other-layer-count", "average"]
    slots: tuple[int, ...]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchSummary:
    """Of a Granite Switch."""

    #: Why the slots can't be read; nothing else is given then.
    problem: str | None = None
    form: Literal["checkpoint", "early-checkpoint", "gguf"] | None = None
    #: The rank that every slot is padded to.
    rank: int | None = None
    #: How much more a control token is attended to than others.
    gain: float | None = None
    #: The token that returns to the base.
    reset_token: SwitchResetToken | None = None
    slots: tuple[SwitchSlot, ...] | None = None
    notes: tuple[SwitchNote, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataEntry:
    """Part of `alora inspect --json`."""

    key: str
    #: GGUF's name of the type.
    type: str
    #: Of an array.
    count: int | None = None
    #: Missing for arrays of more than 64 elements.
    value: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorSummaryValues:
    """With --values."""

    minimum: float | None
    maximum: float | None
    norm: float | None
    zero_count: int
    #: The first elements; null for what is not finite.
    head: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorSummary:
    """Part of `alora inspect --json`."""

    name: str
    dtype: str
    #: Row-major, outermost first.
    shape: tuple[int, ...]
    #: In the file.
    byte_offset: int
    byte_count: int
    #: With --values.
    values: TensorSummaryValues | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArraySummary:
    """Part of `alora inspect --json`."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    fortran_order: bool
    big_endian: bool
    compressed: bool
    stored_byte_count: int
    #: With --values.
    values: TensorSummaryValues | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenCase:
    """Part of `alora inspect --json`."""

    index: int
    token_count: int
    logits: tuple[Literal["base", "adapted", "plain"], ...]
    row_count: int | None = None
    vocabulary_size: int | None = None
    #: -1: the adapter is off.
    activation_start: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What `alora inspect --json` prints."""

    path: str
    kind: Literal["gguf", "safetensors", "peft", "mlx", "base", "npz"]
    adapter: AdapterSummary | None = None
    model: ModelSummary | None = None
    #: Of a Granite Switch.
    switch: SwitchSummary | None = None
    metadata: tuple[MetadataEntry, ...] | None = None
    tensor_count: int | None = None
    #: With --tensors or --values.
    tensors: tuple[TensorSummary, ...] | None = None
    #: Of an .npz.
    arrays: tuple[ArraySummary, ...] | None = None
    #: Of a golden file.
    cases: tuple[GoldenCase, ...] | None = None
    #: Of a golden file.
    meta: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceEntry:
    """Part of `alora diff --json`."""

    kind: Literal["metadata", "onlyInFirst", "onlyInSecond", "shape", "type", "values"]
    #: The key or the tensor.
    name: str
    first: str | None = None
    second: str | None = None
    #: The largest |Δ| of the widened elements.
    largest_delta: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What `alora diff --json` prints."""

    first: str
    second: str
    equal: bool
    compared_tensor_count: int
    differences: tuple[DifferenceEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """Part of `alora tokens --json`."""

    tokens: tuple[int, ...]
    #: The vocabulary's entries; null for an id without one.
    pieces: tuple[str | None, ...]
    #: What stands for it in a prompt; a legacy adapter's whole string.
    text: str | None
    legacy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationFinding:
    """Part of `alora tokens --json`."""

    id: Literal["outside-vocabulary", "empty", "retokenizes-differently", "first-token-merges", "last-token-merges", "in-generation-prompt", "contains-bos", "server-misses", "tokenizers-differ", "legacy-first-token-dropped", "made-by-transformers-5", "transformers-5-differs"]
    severity: Literal["info", "warning", "error"]
    explanation: str
    fix: str
    #: A text, or a list of tokens, that shows it.
    example: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationReportNote:
    """Part of `alora tokens --json`."""

    place: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptActivationTransformers5:
    """Part of `alora tokens --json`."""

    tokenizer_class: str
    tokens: tuple[int, ...]
    activation_start: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptActivation:
    """With --prompt only."""

    tokens: tuple[int, ...]
    pieces: tuple[str, ...]
    #: The first adapted token by PEFT's rule; null where the invocation does not occur.
    activation_start: int | None
    adapted_count: int
    #: The first adapted token in llama-server; null where it does not find the invocation.
    llama_server_start: int | None
    #: What transformers 5 makes of the prompt, if it makes other tokens of it.
    transformers_5: PromptActivationTransformers5 | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationReport:
    """What `alora tokens --json` prints."""

    adapter: str
    #: The file that the tokenizer was read from; null where there was none.
    tokenizer: str | None
    #: Null for a plain LoRA.
    invocation: Invocation | None
    findings: tuple[InvocationFinding, ...]
    #: What the adapter's own tokenizer and chat template say that the base's don't.
    notes: tuple[InvocationReportNote, ...]
    #: With --prompt only.
    prompt: PromptActivation | None = None
    #: What is wrong with the adapter's io.yaml.
    io_findings: tuple[IntrinsicFinding, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizationTransformers5:
    """Part of `alora tokenize --json`."""

    tokenizer_class: str
    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokenization:
    """What `alora tokenize --json` prints."""

    #: The file that the tokenizer was read from.
    model: str
    adds_special_tokens: bool
    count: int
    tokens: tuple[int, ...]
    #: The vocabulary's entry of each token.
    pieces: tuple[str, ...]
    #: What transformers 5 makes of the text, if it makes other tokens of it: some of its tokenizer classes build
    #: their own tokenizer. The tokens above are those of tokenizers, transformers 4 and llama.cpp.
    transformers_5: TokenizationTransformers5 | None
    #: With --messages only: what the chat template makes of them.
    prompt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogitsText:
    """Part of `alora logits --json`."""

    token_count: int
    #: -1: the adapter is off.
    activation_start: int
    #: Of the rows written, as little-endian f32.
    sha256: str
    #: The positions of the rows, if not all positions were written.
    positions: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogitsReport:
    """The same object is in the file, as `meta`."""

    model: str
    adapter: str | None
    #: Over names, scales and factors as f32: the same for a PEFT adapter and a lossless conversion of it.
    adapter_sha256: str | None
    activation: Literal["peft", "legacy", "llama-server", "given"]
    backend: Literal["exact", "openblas"]
    vocabulary_size: int
    texts: tuple[LogitsText, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCase:
    """Part of `alora golden record --json`."""

    name: str
    token_count: int
    #: -1: the adapter is off.
    activation_start: int
    #: Of the rows that the file keeps, which are consecutive.
    first_position: int
    position_count: int
    #: SHA-256 of the SHA-256 of each position's row (f32, little-endian), kept or not.
    base_sha256: str
    adapted_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenRecord:
    """What `alora golden record --json` prints."""

    by: str
    model: str
    adapter: str
    #: Bits of different versions are not comparable.
    exactness_version: int
    #: Of the bytes of the model's files.
    model_sha256: str
    #: Of the names, scales and factors: the same for a PEFT directory and what it is converted to, where the
    #: numbers are.
    adapter_sha256: str
    vocabulary_size: int
    cases: tuple[RecordedCase, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FiguresGolden:
    """Part of `alora verify --json`."""

    row_count: int
    active_row_count: int
    largest_difference: float | None
    largest_divergence_nats: float | None
    same_top_count: int
    bits: Literal["no-digests", "other-version", "other-model", "other-adapter", "compared"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """A known mistake of files and engines."""

    kind: Literal["adapter-off", "scaling-left-out", "activation-shifted", "active-at", "active-from-first-token", "scaling", "scaling-of-kind", "factors", "exchanged-kinds", "layer-order", "expert-order", "graph", "update-left-out"]
    shift: int | None = None
    position: int | None = None
    #: The golden's scaling divided by the adapter's.
    factor: float | None = None
    origin: Literal["unknown", "rank-stabilized-left-out", "rank-stabilized-added"] | None = None
    #: As GGUF names them; empty: all.
    modules: tuple[str, ...] | None = None
    change: Literal["exchanged", "transposed-a", "transposed-b", "transposed", "unpermuted", "permuted-twice", "truncated"] | None = None
    #: What was computed differently.
    graph: Literal["sinks-left-out", "windows-changed", "windows-left-out", "gate-and-up-exchanged", "clamp-left-out", "router-bias-left-out", "routing-weights-changed", "expert-order", "convolution-late", "convolution-reversed", "convolution-bias-left-out", "state-not-carried", "decay-left-out", "gate-left-out", "skip-left-out", "norm-moved", "value-heads-reordered"] | None = None
    order: Literal["one-late", "one-early", "reversed", "sorted-as-text", "unsorted-as-text"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FiguresMistake:
    """Part of `alora verify --json`."""

    mistake: Mistake
    text: str
    #: How far the mistake moved the rows that it was tried on, relative to their largest logit. It isn't tried on
    #: more rows than it takes to show it.
    effect: float | None
    #: Whether the effect is beyond the tolerance.
    shown: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The figures of a proof; each proof has its own members."""

    module_count: int | None = None
    invocation: tuple[int, ...] | None = None
    position_count: int | None = None
    cache_entry_count: int | None = None
    continuation_count: int | None = None
    prompt_count: int | None = None
    #: How far the adapter moves the logits of a prompt's last token, relative to the largest.
    largest_effect: float | None = None
    golden: FiguresGolden | None = None
    #: How far each known mistake would move the compared rows, relative to their largest logit.
    mistakes: tuple[FiguresMistake, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowComparison:
    """A computed row against the golden one."""

    largest_delta: float | None
    #: largest_delta as a part of the greatest golden magnitude; what the tolerance is about.
    relative_delta: float | None
    #: Where they differ most.
    token: int
    golden: float | None
    found: float | None
    #: Kullback-Leibler, golden || found.
    divergence_nats: float | None
    golden_top: int
    #: The place among the found logits of the token that the golden has on top.
    rank_of_golden_top: int
    same_top: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingFinding:
    """Part of `alora verify --json`."""

    kind: Literal["invocation-token-outside-vocabulary", "activation-start-disagrees", "prompt-too-long", "logits-differ-before", "cache-differs-before", "state-differs-before", "reuse-differs", "foreign-cache-accepted", "no-prompt-activates", "adapter-changes-nothing", "no-golden-row-of-active-adapter", "bits-not-comparable", "golden-rows-unreadable", "golden-missed", "golden-file-changed", "recorded-bits-differ", "mistake-not-shown", "activation-not-shown", "baseline-file-changed", "baseline-prompts-changed", "baseline-bits-changed", "baseline-not-recorded"]
    token: int | None = None
    vocabulary_size: int | None = None
    golden: int | None = None
    adapter: int | None = None
    token_count: int | None = None
    limit: int | None = None
    position: int | None = None
    activation_start: int | None = None
    layer: int | None = None
    head: int | None = None
    order: Literal["base-adapter", "adapter-base", "adapter-twice", "base-adapter-base"] | None = None
    reason: str | None = None
    weights: Literal["base", "adapted"] | None = None
    row: RowComparison | None = None
    failing_count: int | None = None
    row_count: int | None = None
    first_failing: int | None = None
    tolerance: float | None = None
    mistake: Mistake | None = None
    file: Literal["model", "adapter"] | None = None
    now: str | None = None
    recorded: str | None = None
    subject: Literal["base", "adapted", "base_cache", "adapted_cache"] | None = None
    first_position: int | None = None
    changed_count: int | None = None
    position_count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseNearest:
    """Part of `alora verify --json`."""

    mistake: Mistake
    #: The part of the difference that the mistake leaves.
    remainder: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseDifference:
    """Part of `alora verify --json`."""

    correlation: float | None
    largest: float | None
    #: Whether another quantization or precision of the base explains it.
    close: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenMistake:
    """A mistake of the golden file."""

    kind: Literal["not-finite", "log-probabilities", "probabilities", "offset", "multiplied", "other-position", "precision", "tolerance-below-float32", "padding"]
    position: int | None = None
    amount: float | None = None
    factor: float | None = None
    golden: int | None = None
    computed: int | None = None
    format: Literal["bfloat16", "float16", "tf32", "tf32-level"] | None = None
    stored: bool | None = None
    rounding_only: bool | None = None
    largest: float | None = None
    tolerance_that_fits: float | None = None
    side: Literal["left", "right"] | None = None
    token: int | None = None
    count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Part of `alora verify --json`."""

    kind: Literal["mistake", "adapter-was-active", "unexplained", "idle-modules", "adapter-changes-nothing", "base-differs", "differs-before-activation", "base-rows-differ", "unexplained-before", "golden"]
    mistake: Mistake | None = None
    tried_count: int | None = None
    cut_short: bool | None = None
    nearest: CauseNearest | None = None
    modules: tuple[str, ...] | None = None
    difference: CauseDifference | None = None
    position: int | None = None
    golden_mistake: GoldenMistake | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingCause:
    """The likeliest cause, if causes were searched for."""

    text: str
    cause: Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Part of `alora verify --json`."""

    #: The index in cases; null if it concerns no single prompt.
    case: int | None
    text: str
    finding: FindingFinding
    #: The likeliest cause, if causes were searched for.
    cause: FindingCause | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Part of `alora verify --json`."""

    proof: Literal["structure", "before-activation", "cache-reuse", "after-activation", "sensitivity", "baseline"]
    passed: bool
    #: The figures in words.
    detail: str
    #: not-applicable: there is nothing to prove, as before the activation of an ordinary LoRA. recorded: nothing
    #: was compared.
    outcome: Literal["passed", "failed", "not-applicable", "recorded"]
    figures: Figures
    #: Each finding in words, in one line.
    failures: tuple[str, ...]
    #: The same failures as values.
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedPosition:
    """Part of `alora verify --json`."""

    position: int
    #: The greatest |adapted - base| among the logits; exactly 0 before the activation.
    effect: float | None
    base: RowComparison | None = None
    adapted: RowComparison | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TopEntry:
    """Part of `alora verify --json`."""

    token: int
    logit: float | None
    probability: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TopTokens:
    """Part of `alora verify --json`."""

    position: int
    base: tuple[TopEntry, ...]
    adapted: tuple[TopEntry, ...]
    golden: tuple[TopEntry, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheBlock:
    """Part of `alora verify --json`."""

    first: int
    count: int
    adapted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedCase:
    """Part of `alora verify --json`."""

    name: str
    tokens: tuple[int, ...]
    #: How the vocabulary spells the tokens; null where the model has no tokenizer.
    pieces: tuple[str | None, ...] | None
    #: The first adapted position; null: the adapter is off.
    activation_start: int | None
    positions: tuple[VerifiedPosition, ...]
    #: At golden positions and the last one, likeliest first.
    top_tokens: tuple[TopTokens, ...]
    #: Which weights made the cached keys and values.
    cache: tuple[CacheBlock, ...]
    #: The relative_delta allowed; null without goldens.
    tolerance: float | None
    #: Who set the tolerance.
    tolerance_source: Literal["option", "golden-case", "golden-file", "default"] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What `alora verify --json` prints."""

    model: str
    adapter: str
    adapter_sha256: str
    golden: str | None
    passed: bool
    proofs: tuple[Proof, ...]
    #: The figures of each prompt. A number that isn't finite is null.
    cases: tuple[VerifiedCase, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerDescription:
    """Part of `alora verify --server --json`."""

    url: str
    build: str | None
    model_path: str | None
    context_length: int | None
    #: How requests name the adapter: a number at llama-server.
    adapter_id: int | str
    adapter_path: str
    invocation_tokens: tuple[int, ...] | None
    #: The scale in requests that name no adapter.
    default_scale: float | None
    #: The protocol.
    engine: Literal["llama-server", "openai", "ollama"]
    #: The name of the program, if the server reports it.
    product: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCheckExpected:
    """What an engine may have done."""

    activation: Literal["invocation", "first-occurrence", "behind-kept", "everywhere", "last-token-only", "off"]
    #: How many tokens after the invocation's start the first adapted token is.
    shift: int | None
    #: What the scaling asked for was multiplied with.
    factor: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCheckScaling:
    """Part of `alora verify --server --json`."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCheckFit:
    """Part of `alora verify --server --json`."""

    #: What an engine may have done.
    hypothesis: ServerCheckExpected
    residual: float
    residuals: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCheckReused:
    """Part of `alora verify --server --json`."""

    cached_count: int
    token_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCheck:
    """Part of `alora verify --server --json`."""

    check: Literal["base", "middle", "scaling", "half-scale", "own-last-token", "at-start", "twice", "none", "openai", "default-scale", "base-adapter", "adapter-base", "adapter-other", "other-adapter", "other-adapter-2", "other-adapter-3", "adapter-twice", "adapter-further-on", "base-adapter-at-start"]
    outcome: Literal["passed", "failed", "undecided", "skipped"]
    detail: str
    #: What an engine may have done.
    expected: ServerCheckExpected
    scaling: ServerCheckScaling | None
    compatible: tuple[ServerCheckExpected, ...]
    #: From the best to the worst.
    fits: tuple[ServerCheckFit, ...]
    conclusion: Literal["expected", "other", "ambiguous", "unexplained", "other-base", "adapter-on-base", "scaling", "refused", "differs-from-fresh", "skipped"]
    notes: tuple[Literal["invocation-missed-before-its-last-token", "same-without-cache", "other-adapter-may-be-kept", "nothing-reused", "reused-tokens"], ...]
    #: How many of each prompt's tokens came from the server's cache.
    reused: tuple[ServerCheckReused, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerVerification:
    """What `alora verify --server --json` prints."""

    model: str
    adapter: str
    adapter_sha256: str
    server: ServerDescription
    passed: bool
    #: Nats.
    noise: float
    request_count: int
    #: Not a fault of the server, but perhaps not intended.
    notes: tuple[str, ...]
    checks: tuple[ServerCheck, ...]
