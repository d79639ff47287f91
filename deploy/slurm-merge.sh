#!/usr/bin/env bash
# Joins what deploy/slurm-record.sh recorded, and chooses.
#SBATCH --job-name=karui-merge
#SBATCH --cpus-per-task=8
#SBATCH --time=02:00:00
set -euo pipefail

: "${RUN:?the folder of the parts}"

srun karui merge "$RUN"/part-* --out "$RUN/recording"
srun karui choose "$RUN/recording" --out "$RUN/choice"
