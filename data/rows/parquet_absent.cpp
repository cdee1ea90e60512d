#include "data/rows/parquet.h"

namespace hone::data {

void read_parquet(const InputFile&, const std::function<void(const Record&)>& take, size_t) {
  Record last;
  last.problem =
      "a Parquet file, and this hone was built without Arrow: tools/setup --arrow fetches it, then configure and build "
      "again; or convert the file to JSON lines";
  last.ends = true;
  take(last);
}

}  // namespace hone::data
