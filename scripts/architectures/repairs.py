"""Converters of b11434 that can't convert a tiny model, or none at all, without what stops them.

Each changes as little as it can, and nothing about where an element goes. `against_reference` in `oracle.py` runs the
converters as they are.
"""

import torch
from conversion.base import ModelBase


def baichuan(base):
    class Repaired(base):
        """The converter calls itself without end for every weight but W_pack."""

        model_arch = base.model_arch

        def modify_tensors(self, data_torch, name, bid):
            own = base if name.endswith("W_pack.weight") else ModelBase
            yield from own.modify_tensors(self, data_torch, name, bid)

    return Repaired


def bitnet(base):
    class Repaired(base):
        """The converter rounds weights to -1, 0 and 1, which would lose the numbers."""

        model_arch = base.model_arch

        def weight_quant(self, weight):
            return weight

    return Repaired


def plamo(base):
    groups, shared, size = 5, 8, 128

    class Repaired(base):
        """The converter takes only the sizes of PLaMo 13B: 40 heads of 128, of which 8 share a key."""

        model_arch = base.model_arch

        def set_gguf_parameters(self):
            super().set_gguf_parameters()
            self.gguf_writer.add_head_count_kv(self.hparams["num_attention_heads"] // self.hparams["n_shared_head"])

        def shuffle_attn_q_weight(self, data_torch):
            return self._shuffled(data_torch, base.shuffle_attn_q_weight, 0)

        def shuffle_attn_output_weight(self, data_torch):
            return self._shuffled(data_torch, base.shuffle_attn_output_weight, 1)

        def _shuffled(self, data_torch, original, axis):
            """The original's order, checked for 40 heads, of another number of heads."""
            heads = self.hparams["num_attention_heads"]
            own = self.hparams["n_shared_head"]
            order = torch.arange(heads).reshape(own, heads // own).T.reshape(-1)
            numbers = torch.arange(groups * shared, dtype=torch.int16).repeat_interleave(size)
            whole = numbers[:, None] if axis == 0 else numbers[None]
            expected = original(self, whole.expand(5120, 5120)).select(1 - axis, 0)[::size]
            assert (expected == torch.arange(40).reshape(shared, groups).T.reshape(-1)).all()
            rows = torch.arange(data_torch.shape[axis]).reshape(heads, -1)[order].reshape(-1)
            return data_torch.index_select(axis, rows)

    return Repaired


def deepseek_v4(base):
    class Repaired(base):
        """The converter takes experts only as packed MXFP4."""

        model_arch = base.model_arch

        def _write_mxfp4_expert_tensor(self, bid, proj, tensor_key):
            names = [f"layers.{bid}.ffn.experts.{e}.{proj}.weight" for e in range(self.hparams["n_routed_experts"])]
            stack = torch.stack([self.model_tensors[name]() for name in names])
            self.gguf_writer.add_tensor(self.format_tensor_name(tensor_key, bid), stack.float().numpy())
            return names

    return Repaired


REPAIRS = {"BaichuanModel": baichuan, "BitnetModel": bitnet, "PlamoModel": plamo, "DeepseekV4Model": deepseek_v4}


def repaired(base):
    repair = REPAIRS.get(base.__name__)
    return repair(base) if repair else base
