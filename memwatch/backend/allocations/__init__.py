"""Which code allocated what is still held: by the sampler in C, or by tracemalloc, behind one `AllocationSource`."""
