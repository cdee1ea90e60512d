// Counter-based randomness (Philox 4x32-10, Salmon et al. 2011): a number is a function of what it is for, so a
// recomputed segment, a resumed run and another rank draw the same ones, and there is no state to save.
#pragma once
#include <array>
#include <cstdint>

namespace hone {

struct RandomKey {  // names one stream of numbers
  uint64_t seed = 0;
  uint32_t step = 0, micro = 0;
  uint16_t layer = 0, purpose = 0;
  RandomKey at(uint16_t new_layer, uint16_t new_purpose) const { return {seed, step, micro, new_layer, new_purpose}; }
};

struct Philox {  // what is drawn from: a counter, which becomes four numbers, and a key
  uint32_t counter[4], key[2];
};
#ifdef __CUDACC__  // kernels draw with this very function
__host__ __device__ inline void draw(Philox& p);
#endif
inline void draw(Philox& p) {
  auto& [a, b, c, d] = p.counter;
  uint32_t low = p.key[0], high = p.key[1];
  for (int round = 0; round < 10; ++round) {
    const uint64_t left = uint64_t(0xD2511F53u) * a, right = uint64_t(0xCD9E8D57u) * c;
    a = uint32_t(right >> 32) ^ b ^ low;
    b = uint32_t(right);
    c = uint32_t(left >> 32) ^ d ^ high;
    d = uint32_t(left);
    low += 0x9E3779B9u, high += 0xBB67AE85u;
  }
}

// Numbers 4 * block … 4 * block + 3 of the stream are what draw() makes of this.
inline Philox philox(const RandomKey& key, uint32_t block) {
  return {{block, uint32_t(key.layer) << 16 | key.purpose, key.micro, key.step},
          {uint32_t(key.seed), uint32_t(key.seed >> 32)}};
}
inline std::array<uint32_t, 4> random_block(const RandomKey& key, uint32_t block) {
  Philox p = philox(key, block);
  draw(p);
  return std::to_array(p.counter);
}

}  // namespace hone
