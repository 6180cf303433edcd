#!/usr/bin/env bash
# Remakes the two default checkpoints from our MD sets: BindingNet (about 12 minutes on one
# busy core), then the pocket (about 5 minutes of processor time).
#   bash runs/defaults.sh ../shared/data/md
set -euo pipefail
cd "$(dirname "$0")/.."
# One thread: the same sums in the same order on every run.
export OMP_NUM_THREADS=1
python scripts/train_default.py --data "$1" --seed 42 --out out/binding-net.safetensors
python scripts/fit_pocket.py "$1"/droplet_4ps.hdf5 data/droplet_fresh_4ps.hdf5 \
    data/droplet_fresh2_4ps.hdf5 data/droplet_fresh3_4ps.hdf5 data/droplet_fresh4_4ps.hdf5 \
    --binding-net out/binding-net.safetensors \
    --ode weights/neuralmd-ode.safetensors --sde weights/neuralmd-sde.safetensors
