#include "trainer/report/tensorboard.h"

#include <unistd.h>

#include <array>
#include <bit>
#include <chrono>
#include <cstdio>

namespace hone::trainer {

namespace {
constexpr std::array<uint32_t, 256> kCrcTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit) c = (c & 1) != 0 ? c >> 1 ^ 0x82F63B78U : c >> 1;
    table[i] = c;
  }
  return table;
}();

template <class Word>
std::string little_endian(Word word) {
  std::string bytes;
  for (size_t i = 0; i < sizeof(Word); ++i) bytes += char(word >> (8 * i) & 0xFF);
  return bytes;
}

std::string masked_crc(std::string_view bytes) {
  const uint32_t c = crc32c(bytes);
  return little_endian<uint32_t>((c >> 15 | c << 17) + 0xa282ead8U);
}

// Protocol buffers: a field is its number and wire type, then the value.
enum Wire { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };
std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += char(value | 0x80);
  return bytes + char(value);
}
std::string key(int field, Wire wire) { return varint(uint64_t(field) << 3 | uint64_t(wire)); }
std::string integer(int field, int64_t value) { return key(field, kVarint) + varint(uint64_t(value)); }
std::string bytes_field(int field, std::string_view bytes) {
  return key(field, kBytes) + varint(bytes.size()) + std::string(bytes);
}
std::string double_field(int field, double value) {
  return key(field, kFixed64) + little_endian(std::bit_cast<uint64_t>(value));
}
std::string float_field(int field, float value) {
  return key(field, kFixed32) + little_endian(std::bit_cast<uint32_t>(value));
}

// Event: wall_time 1, step 2, file_version 3, summary 5, session_log 7. A step of 0 is the default and not written.
std::string event_head(double wall_time, int64_t step) {
  return double_field(1, wall_time) + (step != 0 ? integer(2, step) : "");
}

fs::path file_in(const fs::path& folder, double wall_time) {
  make_folders(folder);
  for (int n = 0;; ++n) {
    std::array<char, 96> name{};
    std::snprintf(name.data(), name.size(), "events.out.tfevents.%010lld.hone.%d.%d", static_cast<long long>(wall_time),
                  int(::getpid()), n);
    if (fs::path path = folder / name.data(); !fs::exists(path)) return path;
  }
}
}  // namespace

uint32_t crc32c(std::string_view bytes) {
  uint32_t c = ~0U;
  for (const char byte : bytes) c = c >> 8 ^ kCrcTable[(c ^ static_cast<unsigned char>(byte)) & 0xFF];
  return ~c;
}

std::string event_record(std::string_view event) {
  const std::string length = little_endian<uint64_t>(event.size());
  return length + masked_crc(length) + std::string(event) + masked_crc(event);
}

std::string version_event(double wall_time) { return event_head(wall_time, 0) + bytes_field(3, "brain.Event:2"); }

std::string scalars_event(double wall_time, int64_t step, const Scalars& scalars) {
  std::string summary;
  for (const auto& [tag, value] : scalars)
    summary += bytes_field(1, bytes_field(1, tag) + float_field(2, float(value)));  // Value: tag 1, simple_value 2
  return event_head(wall_time, step) + bytes_field(5, summary);
}

std::string session_start_event(double wall_time, int64_t step) {
  return event_head(wall_time, step) + bytes_field(7, integer(1, 1));  // SessionLog: status 1 = START
}

double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

EventFile::EventFile(const fs::path& folder, double wall_time) : file_(file_in(folder, wall_time)) {
  file_.append(event_record(version_event(wall_time)));
}

void EventFile::scalars(double wall_time, int64_t step, const Scalars& scalars) {
  file_.append(event_record(scalars_event(wall_time, step, scalars)));
}

void EventFile::session_start(double wall_time, int64_t step) {
  file_.append(event_record(session_start_event(wall_time, step)));
}

}  // namespace hone::trainer
