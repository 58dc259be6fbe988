"""Tests mirror the tree; simulators, fakes and the benchmark are packages beside them."""
