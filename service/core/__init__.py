"""The pure part: values in, values out. No I/O, clock, environment or Flask."""
