#!/usr/bin/env bash
# Trains every system small and for a few epochs on our MD set, then simulates two
# complexes that none was trained on (docs/results/systems.md; some 10 minutes on a core).
#   bash runs/all_systems.sh ../shared/data FOLDER
set -euo pipefail
data=$1 folder=$2
export OMP_NUM_THREADS=1
train() {
    neuralmd train --model "$1" --split own-md --data "$data/md/droplet_4ps.hdf5" \
        --preset quick --epochs 10 --set keep=last --seed 42 --quiet -o "$folder/$1" "${@:2}"
}
next=(--set pull_epochs=0 --set window=1 --set target_window_ps=0)
train neuralmd-ode
train neuralmd-sde --set target_window_ps=0
train gnnmd "${next[@]}"
train denoisingld "${next[@]}"
train cgmd "${next[@]}"
train verletmd "${next[@]}" --set start_noise=0
python "$(dirname "$0")/../scripts/system_outcomes.py" --data "$data" "$folder"
