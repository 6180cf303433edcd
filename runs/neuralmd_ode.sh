#!/usr/bin/env bash
# Remakes weights/neuralmd-ode.safetensors from our MD set (about 12 minutes on one busy core).
#   bash runs/neuralmd_ode.sh ../shared/data/md
set -euo pipefail
cd "$(dirname "$0")/.."
# One thread: the same sums in the same order on every run.
OMP_NUM_THREADS=1 python scripts/train_default.py --data "$1" --seed 42 \
    --out weights/neuralmd-ode.safetensors
