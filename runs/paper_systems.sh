#!/usr/bin/env bash
# Trains the paper's systems on the data of the default weights, about as long as these took
# (17 minutes of processor time): 16 to 24 minutes each. For docs/results/defaults.md.
#   bash runs/paper_systems.sh ../shared/data/md FOLDER [SYSTEM...]
set -euo pipefail
cd "$(dirname "$0")/.."
md=$1 folder=$2
shift 2
export OMP_NUM_THREADS=1
# What the others learn from: a snapshot and the next.
pairs=(--set pull_epochs=0 --set window=1 --set target_window_ps=0 --set validate_every=5)
train() {
    neuralmd train --model "$1" --preset default --split runs/systems_split.toml \
        --data "$md/droplet_4ps.hdf5" --data data/droplet_fresh_4ps.hdf5 \
        --data data/droplet_fresh2_4ps.hdf5 --data data/droplet_fresh3_4ps.hdf5 \
        --data data/droplet_fresh4_4ps.hdf5 --seed 0 --quiet -o "$folder/$1" "${@:2}"
}
for system in "${@:-neuralmd-ode neuralmd-sde gnnmd verletmd denoisingld cgmd}"; do
    for name in $system; do
        case $name in
        neuralmd-ode) train "$name" --epochs 13 ;;
        neuralmd-sde) train "$name" --epochs 9 --set target_window_ps=0 ;;
        gnnmd) train "$name" --epochs 40 "${pairs[@]}" ;;
        verletmd) train "$name" --epochs 33 "${pairs[@]}" --set start_noise=0 ;;
        denoisingld) train "$name" --epochs 26 "${pairs[@]}" --set validate_every=13 ;;
        cgmd) train "$name" --epochs 20 "${pairs[@]}" --set validate_every=10 ;;
        esac
    done
done
