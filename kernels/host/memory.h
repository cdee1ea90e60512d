// What the operating system says of memory.
#pragma once
#include <cstddef>
#include <cstdint>

namespace hone {

// Bytes a program can take without the system swapping (MemAvailable of Linux); 0 where it does not say.
uint64_t available_memory();

uint64_t total_memory();  // the machine's

// Addresses without memory behind them yet, to be read and written, in large pages where the system has them; null where
// it refuses.
void* reserve_addresses(size_t bytes) noexcept;
void release_addresses(void* addresses, size_t bytes) noexcept;

}  // namespace hone
