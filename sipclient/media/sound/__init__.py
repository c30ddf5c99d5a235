"""Sound without a clock: samples in, samples out."""
