// A shard whose HDF5 is whole and whose values are any: the sizes of its columns, a byte each, then their bytes.
// HDF5's own structures are left as they are. On those libhdf5 itself divides by zero, reads past its blocks and asks
// for all memory, within seconds; so it never sees a file before its hash was compared (data/shards/README.md).
#include "data/shards/shard.h"

#include <cstring>

#include "tests/fuzz/target.h"

namespace hone::test {
namespace {

using namespace data;

// Takes values off the front of the input; zeros behind its end.
struct Input {
  std::string_view bytes;
  template <class T>
  T take() {
    T value{};
    const size_t size = std::min(sizeof(T), bytes.size());
    std::memcpy(&value, bytes.data(), size);
    bytes.remove_prefix(size);
    return value;
  }
  template <class T>
  void fill(std::vector<T>& values, size_t count) {
    values.resize(count);
    for (T& value : values) value = take<T>();
  }
};

bool shard(std::string_view bytes) {
  constexpr int64_t kVocabulary = 1000;
  Input input{bytes};
  const size_t tokens = 1u + input.take<uint8_t>(), starts = 2u + input.take<uint8_t>(),
               facts = 1u + input.take<uint8_t>(), learned = 1u + input.take<uint8_t>(), labels = input.take<uint8_t>();
  Shard written;
  input.fill(written.starts, starts);
  input.fill(written.learned, labels > 0 ? 0 : learned);
  input.fill(written.labels, labels);
  input.fill(written.tokens, tokens);
  input.fill(written.facts, facts);
  return accepted([&] {
    const Shard read = shard_from(image_of(written), "shard.h5", kVocabulary);
    check(read == written, "what is written reads back the same");
    for (int64_t i = 0; i < read.count(); ++i) {
      const Row row = read.row(i);
      check(!row.tokens.empty() && row.tokens.size() == row.labels.size(), "a label a token");
      for (const int32_t token : row.tokens) check(token >= 0 && token < kVocabulary, "vocabulary");
      for (const int32_t label : row.labels)
        check(label == kNotLearned || (label >= 0 && label < kVocabulary), "labels");
    }
  });
}

const FuzzTarget target("shard", shard);

}  // namespace
}  // namespace hone::test
