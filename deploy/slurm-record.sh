#!/usr/bin/env bash
# One recording by many machines under Slurm, without Ray: each task of the array records a part of the questions.
#
#   sbatch --array=0-7 deploy/slurm-record.sh
#   sbatch --dependency=afterok:JOB deploy/slurm-merge.sh
#
# MODEL, QUESTIONS and RUN lie in folders that every node sees. A task that is cancelled or fails goes on where
# it was when it is started again (`--requeue`).
#SBATCH --job-name=karui-record
#SBATCH --gpus-per-task=1
#SBATCH --cpus-per-task=8
#SBATCH --time=04:00:00
#SBATCH --requeue
set -euo pipefail

: "${MODEL:?the model folder}" "${QUESTIONS:?the questions file}" "${RUN:?a folder for the parts}"

part=$((SLURM_ARRAY_TASK_ID + 1))
srun karui record \
  --model "$MODEL" \
  --questions "$QUESTIONS" \
  --samples "${SAMPLES:-4}" \
  --shard "$part/$SLURM_ARRAY_TASK_COUNT" \
  --out "$RUN/part-$part"
