// Dropout's mask: a pure function of the seed and of an entry's flat index (ops/dropout.py).

// Whether the entry is kept: SplitMix64 of its number, whose upper 32 bits reach the threshold.
__device__ bool kept(long long index, unsigned long long threshold, unsigned long long seed) {
    unsigned long long bits = (index + 1) * 0x9E3779B97F4A7C15ULL + seed;
    bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9ULL;
    bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EBULL;
    return ((bits ^ (bits >> 31)) >> 32) >= threshold;
}
