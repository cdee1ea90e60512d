// What the operating system says of memory.
#pragma once
#include <cstdint>

namespace hone {

// Bytes a program can take without the system swapping (MemAvailable of Linux); 0 where it does not say.
uint64_t available_memory();

}  // namespace hone
