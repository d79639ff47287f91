"""How much traffic the plan gets: stages, the drift guard, shadow runs, canaries."""
