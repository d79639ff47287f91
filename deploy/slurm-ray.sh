#!/usr/bin/env bash
# A Ray cluster for the time of one Slurm job: the first node is its head, and karui records on all of them.
#
#   sbatch --nodes=4 deploy/slurm-ray.sh
#
# MODEL, QUESTIONS and RUN lie in folders that every node sees, and karui[ray] is installed on every node.
#SBATCH --job-name=karui-ray
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-task=1
#SBATCH --cpus-per-task=8
#SBATCH --time=04:00:00
set -euo pipefail

: "${MODEL:?the model folder}" "${QUESTIONS:?the questions file}" "${RUN:?a folder for the recording}"

head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head --lines=1)
export RAY_ADDRESS="$head:6379"

srun --nodes=1 --ntasks=1 --nodelist="$head" ray start --head --port=6379 --block &
sleep 20
if [ "$SLURM_JOB_NUM_NODES" -gt 1 ]; then
  srun --nodes=$((SLURM_JOB_NUM_NODES - 1)) --ntasks=$((SLURM_JOB_NUM_NODES - 1)) --exclude="$head" \
    ray start --address="$RAY_ADDRESS" --block &
  sleep 20
fi

srun --overlap --nodes=1 --ntasks=1 --nodelist="$head" \
  karui record --on ray --model "$MODEL" --questions "$QUESTIONS" --samples "${SAMPLES:-4}" --out "$RUN/recording"
srun --overlap --nodes=1 --ntasks=1 --nodelist="$head" \
  karui choose "$RUN/recording" --on ray --out "$RUN/choice"
