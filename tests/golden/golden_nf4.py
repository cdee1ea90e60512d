"""nf4/: codes and scales that bitsandbytes makes of some matrices, and the values they stand for."""

import os

import bitsandbytes.functional as bnb
import numpy as np
import torch

import reference as ref


def thresholds():
    levels = bnb.get_4bit_type("nf4", device="cpu")
    return (levels[:-1] + levels[1:]) / 2


def matrices():
    random = np.random.Generator(np.random.PCG64(6000))

    def normal(*shape):
        return torch.from_numpy(random.standard_normal(shape)).float()

    yield "normal", normal(32, 64), None
    yield "blocks_across_rows", normal(24, 96) * 0.02, None
    matrix = normal(8, 64)
    matrix[3] = 0
    yield "zero_block", matrix, "block 3 is all zero: the CPU library writes code 7 (+0), the CUDA library code 0 (-0)"
    matrix = normal(8, 64) * 0.02
    matrix[2, 17], matrix[5, 63] = 1e4, -3e38
    yield "outliers", matrix, None
    yield "ragged", normal(7, 36), None  # a last block of 60
    yield "odd", normal(5, 13), "the low nibble of the last byte is padding"
    matrix = normal(4, 64)
    matrix[1] *= 1e-40
    yield "denormal_block", matrix, "block 1 has an absmax below 1e-38: the CPU library limits its reciprocal, codes are its own"
    edges = thresholds()
    around = torch.stack((edges, edges.nextafter(torch.tensor(2.0)), edges.nextafter(torch.tensor(-2.0))), dim=1).flatten()
    yield "ties", torch.cat((around, torch.ones(1), -torch.ones(1), torch.zeros(17)))[None], None
    yield "scaled_ties", torch.cat((around * 0.37, torch.full((2,), -0.37), torch.zeros(17)))[None], None
    yield "nested", (normal(96, 200) * torch.exp(normal(96, 1))).bfloat16(), None
    yield "half", normal(16, 64).half(), None


def make(root):
    os.makedirs(root, exist_ok=True)
    cases = []
    for name, matrix, exception in matrices():
        cases.append({"case": name, "exception": exception})
        codes, state = quantised(matrix, nested=False)
        check_rule(name, matrix, codes, state.absmax)
        tensors = {"input": matrix, "codes": codes, "absmax": state.absmax}
        if matrix.numel() < 10000:
            tensors["values"] = dequantised(codes, state, matrix)
        if matrix.numel() >= 1024:
            same, state = quantised(matrix, nested=True)
            assert torch.equal(same, codes)
            tensors["nested_codes"] = state.absmax
            tensors["nested_absmax"] = state.state2.absmax
            tensors["nested_offset"] = state.offset.reshape(1)
            tensors["nested_values"] = dequantised(codes, state, matrix)
        ref.write_tensors(os.path.join(root, f"{name}.safetensors"), tensors)
    tables = {"levels": state.code, "thresholds": thresholds(), "dynamic_map": bnb.create_dynamic_map()}
    ref.write_tensors(os.path.join(root, "tables.safetensors"), tables)
    ref.write_json(os.path.join(root, "cases.json"), {"cases": cases})


def quantised(matrix, nested):
    codes, state = bnb.quantize_4bit(matrix, blocksize=64, compress_statistics=nested, quant_type="nf4")
    return codes.flatten(), state


def check_rule(name, matrix, codes, absmax):
    """Where no exception is named, the codes are those of x * (1 / absmax), also in a ragged last block."""
    scales = (1 / absmax).repeat_interleave(64)[: matrix.numel()]
    expected = torch.bucketize(matrix.flatten().float() * scales, thresholds())
    found = torch.stack((codes >> 4, codes & 15), dim=1).flatten()[: matrix.numel()]
    blocks = sorted(set((torch.nonzero(expected != found).flatten() // 64).tolist()))
    assert blocks == {"zero_block": [3], "denormal_block": [1]}.get(name, []), (name, blocks)


def dequantised(codes, state, matrix):
    """level * absmax in float32; nested: absmax = map[code] * nested absmax (rounded), then + offset (rounded)."""
    absmax, count = state.absmax, matrix.numel()
    if state.nested:
        nested = state.state2.absmax.repeat_interleave(state.state2.blocksize)[: absmax.numel()]
        absmax = state.state2.code[absmax.long()] * nested + state.offset
    levels = state.code[torch.stack((codes >> 4, codes & 15), dim=1).flatten().long()][:count]
    values = levels * absmax.repeat_interleave(64)[:count]
    if matrix.shape[-1] % 64 == 0:  # else the CPU library itself is wrong on some processors
        theirs = bnb.dequantize_4bit(codes.reshape(-1, 1), state).flatten().float()
        assert torch.allclose(values.to(matrix.dtype).float(), theirs, rtol=2e-3, atol=0), "not the library's values"
    return values
