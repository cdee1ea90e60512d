// Parquet files through Arrow's C++ library: parquet_arrow.cpp where CMake found it, else parquet_absent.cpp, which
// says what to install.
#pragma once
#include "data/rows/records.h"

namespace hone::data {

// Calls `take` with each row as a JSON object of its columns, in order: lists, structs and maps as lists and objects,
// dates and decimals as text, numbers that are not finite as null. One row group's pages are in memory at a time. What
// cannot be read ends the file with a last record that has a problem; the rest as read_records says.
void read_parquet(const InputFile& file, const std::function<void(const Record&)>& take, size_t largest);

}  // namespace hone::data
