"""Report: many runs side by side: sweeps over settings, and the paper's own experiments."""
