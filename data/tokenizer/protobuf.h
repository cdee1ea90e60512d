// Reads protocol buffers without their schema, field by field (protobuf.dev/programming-guides/encoding).
//   ProtobufReader reader(bytes, "tokenizer.model");
//   while (const auto field = reader.next())
//     if (field->number == 1) pieces.push_back(read_piece(field->bytes()));
// Errors (ExitCode::input): a message that ends early, a number that is too long, a kind that is not used any more.
#pragma once
#include <bit>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kernels/host/error.h"

namespace hone::data {

class ProtobufReader {
 public:
  ProtobufReader(std::string_view bytes, std::string where) : rest_(bytes), where_(std::move(where)) {}

  // A field as it lies in the file; asked for as another kind it is an error.
  struct Field {
    uint32_t number;
    uint32_t kind;  // 0 number, 1 eight bytes, 2 bytes, 5 four bytes
    uint64_t value;
    std::string_view data;
    const std::string* where;

    std::string_view bytes() const { return check(2), data; }
    uint64_t integer() const { return check(0), value; }
    bool boolean() const { return integer() != 0; }
    float floating() const { return check(5), std::bit_cast<float>(uint32_t(value)); }

   private:
    void check(uint32_t expected) const {
      require(kind == expected, ExitCode::input, *where, ": field ", number, ": expected the kind ", expected, ", got ",
              kind, ". Take the file from the model's publisher again");
    }
  };

  std::optional<Field> next() {
    if (rest_.empty()) return {};
    const uint64_t tag = number();
    Field field{uint32_t(tag >> 3), uint32_t(tag & 7), 0, {}, &where_};
    if (tag >> 3 == 0 || tag >> 3 > 0x1FFFFFFF) broken("a field's number");
    switch (field.kind) {
      case 0:
        field.value = number();
        break;
      case 1:
        field.value = fixed(8);
        break;
      case 2:
        field.data = take(number());
        break;
      case 5:
        field.value = fixed(4);
        break;
      default:
        broken("a field of a kind that is in use");
    }
    return field;
  }

 private:
  [[noreturn]] void broken(const char* expected) const {
    fail(ExitCode::input, where_, ": expected ", expected,
         ", got a file that is cut or something else. Take it from the ", "model's publisher again");
  }
  std::string_view take(uint64_t size) {
    if (size > rest_.size()) broken("all bytes of a field");
    const std::string_view taken = rest_.substr(0, size_t(size));
    rest_.remove_prefix(size_t(size));
    return taken;
  }
  uint64_t fixed(size_t size) {
    uint64_t value = 0;
    const std::string_view bytes = take(size);
    for (size_t i = 0; i < size; ++i) value |= uint64_t(static_cast<unsigned char>(bytes[i])) << (8 * i);
    return value;
  }
  uint64_t number() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1)[0]);
      value |= uint64_t(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    broken("a number of at most 64 bits");
  }
  std::string_view rest_;
  std::string where_;
};

}  // namespace hone::data
