"""Writes matching.json: PEFT's own answers to which modules a configuration targets, and with which rank and alpha.

Run with peft installed (0.21.2 made the committed file):  python make_matching.py > matching.json
Each case: a configuration, and for each of the module paths whether PEFT targets it ("1") and, in the cases that are about
scaling, the rank, alpha and scaling it gives.
"""
import itertools, json, random
import peft
from peft import LoraConfig
from peft.tuners.tuners_utils import check_target_module_exists
from peft.utils.other import get_pattern_key
import math

random.seed(20261124)
PATHS = [f"model.layers.{i}.{m}" for i in (0, 1, 2, 10, 11) for m in (
    "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
    "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj", "mlp.experts.3.w1", "mlp.shared_q_proj")]
PATHS += ["model.embed_tokens", "lm_head", "q_proj", "h.1.attn.q_proj", "model.norm", "model.decoder.layers.0.q_proj", "layers.3.q_proj"]

TARGETS = [["q_proj"], ["q_proj", "v_proj"], ["self_attn.q_proj", "mlp.down_proj"], ["proj"], ["lm_head", "q_proj"],
    ["model.layers.1.self_attn.k_proj"], ["w1"], r".*\.(q|v)_proj", r"model\.layers\.[01]\..*", r"q_proj", r".*q_proj|.*lm_head",
    r"(?:.*?(?:layers|blocks).*?(?:self_attn|mlp).*?(?:q_proj|k_proj|down_proj).*?)", r".*(?<!shared_)q_proj", r"model\.layers\.\d+\.mlp\.[a-z]+_proj",
    r"(?P<head>model)\.layers\.1\..*", []]
EXCLUDED = [None, ["lm_head"], ["layers.1.self_attn.q_proj"], r".*layers\.1\..*", r"lm_head|embed", ["v_proj", "down_proj"]]
LAYERS = [None, 1, [0, 10], [], [3], [2, 11, 0]]
LAYER_PATTERNS = [None, "layers", ["h", "layers"], ["experts"], "model.layers"]
RANKS = [{}, {"q_proj": 4}, {"^model.layers.0": 2}, {"layers.1.self_attn.q_proj": 3, "q_proj": 5}, {r".*\.mlp\..*": 6, "down_proj": 7},
    {r"layers\.(0|10)\..*": 12}, {"k_proj|v_proj": 9}, {"^q_proj": 1}, {"self_attn.[qk]_proj": 11, ".*": 13}]

cases = []
def add(**fields):
    try:
        config = LoraConfig(**fields)
    except ValueError:
        return
    targeted, scalings = "", []
    for path in PATHS:
        try:
            targeted += "01"[bool(check_target_module_exists(config, path))]
        except Exception as error:
            return
        r = config.rank_pattern.get(get_pattern_key(config.rank_pattern.keys(), path), config.r)
        alpha = config.alpha_pattern.get(get_pattern_key(config.alpha_pattern.keys(), path), config.lora_alpha)
        scalings.append([r, alpha, (alpha / math.sqrt(r) if config.use_rslora else alpha / r).hex()])
    fields["peft_type"] = "LORA"
    cases.append({"config": fields, "targeted": targeted} | ({"scalings": scalings} if "r" in fields else {}))

for target, excluded, layers, pattern in itertools.product(TARGETS, EXCLUDED, LAYERS, LAYER_PATTERNS):
    if random.random() < 0.12:
        add(target_modules=target, exclude_modules=excluded, layers_to_transform=layers, layers_pattern=pattern)
for ranks, alphas, rslora in itertools.product(RANKS, RANKS, (False, True)):
    if random.random() < 0.6:
        add(target_modules=["q_proj"], r=random.choice([1, 3, 8, 16]), lora_alpha=random.choice([1, 16, 20, 32.5]),
            rank_pattern=ranks, alpha_pattern={k: v * 2.5 for k, v in alphas.items()}, use_rslora=rslora)
print(json.dumps({"made_by": f"peft {peft.__version__}", "paths": PATHS, "cases": cases}, separators=(",", ":")))
