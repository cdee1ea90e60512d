// Sums over rows on cuda, column by column: the rows are cut into chunks, a block adds up a chunk's rows, and the sums
// of the chunks are added in order after them. The chunks depend on the number of rows alone, so the bits do too.
#pragma once
#include <algorithm>
#include <cstdint>

namespace hone::kernels {

inline int64_t row_chunks(int64_t rows) { return std::min<int64_t>(256, (rows + 31) / 32); }

}  // namespace hone::kernels
