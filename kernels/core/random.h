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

inline std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t(0xD2511F53u) * counter[0], b = uint64_t(0xCD9E8D57u) * counter[2];
    counter = {uint32_t(b >> 32) ^ counter[1] ^ key[0], uint32_t(b), uint32_t(a >> 32) ^ counter[3] ^ key[1],
               uint32_t(a)};
    key[0] += 0x9E3779B9u, key[1] += 0xBB67AE85u;
  }
  return counter;
}

// Numbers 4 * block … 4 * block + 3 of the stream.
inline std::array<uint32_t, 4> random_block(const RandomKey& key, uint32_t block) {
  return philox({block, uint32_t(key.layer) << 16 | key.purpose, key.micro, key.step},
                {uint32_t(key.seed), uint32_t(key.seed >> 32)});
}

}  // namespace hone
