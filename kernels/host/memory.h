// What the operating system says of memory.
#pragma once
#include <cstdint>

namespace hone {

// Bytes a program can take without the system swapping (MemAvailable of Linux); 0 where it does not say.
uint64_t available_memory();
// Largest resident size of this process so far, bytes.
uint64_t peak_resident_memory();

}  // namespace hone
