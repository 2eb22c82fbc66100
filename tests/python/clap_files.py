"""A tokenizer and a checkpoint of the real laion-clap, with seeded random weights."""

import json
from pathlib import Path

import numpy as np

from sunorecsys.encoders import clap

ARCHITECTURE = "HTSAT-tiny"


def write_tokenizer(folder: Path) -> None:
    """Write a byte-level tokenizer of RoBERTa's form, with merges of some letters."""
    # as GPT-2 writes bytes
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = [*map(chr, printable), *(chr(256 + n) for n in range(len(others)))]
    latin = [chr(letter) for letter in range(ord("a"), ord("z") + 1)]
    pairs = [(a, b) for a in ["Ġ", *latin] for b in latin]
    triples = [(a, b + c) for a in "aeiou" for b in latin[:8] for c in latin[:8]]
    merges = [*pairs, *triples]
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *letters, *("".join(m) for m in merges)]
    tokens = [*dict.fromkeys(tokens), "<mask>"]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), "utf-8")
    lines = ["#version: 0.2", *(" ".join(merge) for merge in merges)]
    (folder / "merges.txt").write_text("\n".join(lines), "utf-8")


def write_checkpoint(path: Path, tokenizer_folder: Path):
    """Write a checkpoint in the form of the published ones; return its module."""
    import torch

    torch.manual_seed(7)
    module = clap.build(ARCHITECTURE, clap._tokenizer(str(tokenizer_folder)), "cpu")
    module.eval()
    weights = {f"module.{k}": v for k, v in module.model.state_dict().items()}
    # what published checkpoints hold beside the weights
    weights["module.text_branch.embeddings.position_ids"] = torch.arange(514)[None]
    best = {"best": np.float64(0.5), "epoch": 15, "state_dict": weights}
    torch.save(best, path)
    return module
