// HDF5 files that lie in memory, as far as shards need them: one-dimensional datasets under the root. The only code
// that calls the HDF5 library.
//   Hdf5Writer out("hone shard 1");
//   out.column("tokens", std::span<const int32_t>(tokens));
//   const std::vector<std::byte> image = out.finish();
//   const Hdf5Reader in(image, "train-000000.h5", "hone shard 1");
//   in.column<int32_t>("tokens");                     // train-000000.h5: tokens: expected …
// A reader takes nothing on trust: only hard links to chunked or contiguous datasets of the type asked for, only the
// filters deflate, shuffle and fletcher32, nothing outside of the image, and no size that the image could not hold.
// What it refuses is an Error (ExitCode::input).
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hone::data {

enum class Hdf5Type { uint8, int32, int64, uint64 };  // little endian in the file

template <class T>
inline constexpr Hdf5Type kHdf5Type = Hdf5Type::uint8;
template <>
inline constexpr Hdf5Type kHdf5Type<int32_t> = Hdf5Type::int32;
template <>
inline constexpr Hdf5Type kHdf5Type<int64_t> = Hdf5Type::int64;
template <>
inline constexpr Hdf5Type kHdf5Type<uint64_t> = Hdf5Type::uint64;

// A dataset's type: one number, or a struct of them.
struct Hdf5Member {
  const char* name = nullptr;  // null: the type is this one number
  size_t offset = 0;           // in the struct in memory; in the file there are no gaps
  Hdf5Type type = Hdf5Type::int32;
};
struct Hdf5Element {
  std::span<const Hdf5Member> members;
  size_t bytes = 0;  // of the struct in memory
};
template <class T>
struct Hdf5ElementOf {
  static constexpr Hdf5Member kMember{nullptr, 0, kHdf5Type<T>};
  static constexpr Hdf5Element value{{&kMember, 1}, sizeof(T)};
};

// The library's identifiers, closed in the end.
class Hdf5Handle {
 public:
  Hdf5Handle() = default;
  explicit Hdf5Handle(int64_t id) : id_(id) {}
  Hdf5Handle(Hdf5Handle&& other) noexcept : id_(other.id_) { other.id_ = -1; }
  Hdf5Handle& operator=(Hdf5Handle&& other) noexcept;
  ~Hdf5Handle();
  operator int64_t() const { return id_; }

 private:
  int64_t id_ = -1;
};

// One thread in the library at a time, and it says nothing on standard error.
class Hdf5Session {
 public:
  Hdf5Session();
  ~Hdf5Session();
  Hdf5Session(const Hdf5Session&) = delete;

 private:
  std::unique_lock<std::mutex> lock_;
  void* handler_ = nullptr;
  void* data_ = nullptr;
};

// Equal calls give equal bytes: no times are kept. `format` becomes the root's attribute of that name.
class Hdf5Writer {
 public:
  explicit Hdf5Writer(std::string_view format, size_t expected_bytes = 0);
  template <class T>
  void column(const char* name, std::span<const T> values) {
    write(name, Hdf5ElementOf<T>::value, values.size(), values.data());
  }
  template <class T>
  void table(const char* name, std::span<const Hdf5Member> members, std::span<const T> values) {
    write(name, {members, sizeof(T)}, values.size(), values.data());
  }
  std::vector<std::byte> finish();  // once

 private:
  // Chunked, with a checksum a chunk; not empty.
  void write(const char* name, const Hdf5Element& element, size_t count, const void* values);
  Hdf5Session session_;
  Hdf5Handle file_;
};

class Hdf5Reader {
 public:
  // `where` opens every message. The image must outlive this.
  Hdf5Reader(std::span<const std::byte> image, std::string where, std::string_view format);
  bool has(const std::string& name) const { return names_.count(name) != 0; }
  size_t count() const { return names_.size(); }
  template <class T>
  std::vector<T> column(const char* name) const {
    return read<T>(name, Hdf5ElementOf<T>::value);
  }
  template <class T>
  std::vector<T> table(const char* name, std::span<const Hdf5Member> members) const {
    return read<T>(name, {members, sizeof(T)});
  }

 private:
  struct Dataset {
    Hdf5Handle id;
    size_t count = 0;
  };
  template <class T>
  std::vector<T> read(const char* name, const Hdf5Element& element) const {
    const Dataset dataset = open(name, element);
    std::vector<T> values(dataset.count);
    fill(name, dataset, element, values.data());
    return values;
  }
  Dataset open(const char* name, const Hdf5Element& element) const;
  void fill(const char* name, const Dataset& dataset, const Hdf5Element& element, void* values) const;
  template <class... Parts>
  [[noreturn]] void wrong(const Parts&... parts) const;

  std::string where_;
  size_t image_bytes_;
  Hdf5Session session_;
  Hdf5Handle file_;
  std::map<std::string, bool> names_;  // links of the root; all hard
};

}  // namespace hone::data
