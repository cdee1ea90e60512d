#include "data/shards/hdf5.h"

#define H5_USE_110_API  // the same names with newer releases of the library
#include <hdf5.h>

#include <algorithm>

#include "kernels/host/error.h"
#include "kernels/host/text.h"

namespace hone::data {

static_assert(sizeof(hid_t) == sizeof(int64_t));

namespace {
constexpr hsize_t kChunkBytes = hsize_t(256) << 10;
constexpr hsize_t kMostBytes = hsize_t(4) << 30;  // of a dataset
constexpr hsize_t kMostDeflated = 1000;           // times what the image holds

std::mutex& library() {
  static std::mutex mutex;
  return mutex;
}

// The innermost thing that the library complained of.
std::string complaint() {
  std::string text;
  H5Ewalk2(
      H5E_DEFAULT, H5E_WALK_UPWARD,
      [](unsigned number, const H5E_error2_t* error, void* into) -> herr_t {
        if (number == 0 && error->desc) *static_cast<std::string*>(into) = error->desc;
        return 0;
      },
      &text);
  return text.empty() ? "HDF5 gives no reason" : text;
}

int64_t made(int64_t id, const char* what) {
  require(id >= 0, "[shards] HDF5 cannot ", what, ": ", complaint());
  return id;
}
void done(herr_t status, const char* what) { made(status, what); }

hid_t file_type(Hdf5Type type) {
  switch (type) {
    case Hdf5Type::uint8:
      return H5T_STD_U8LE;
    case Hdf5Type::int32:
      return H5T_STD_I32LE;
    case Hdf5Type::int64:
      return H5T_STD_I64LE;
    case Hdf5Type::uint64:
      return H5T_STD_U64LE;
  }
  return -1;
}
hid_t memory_type(Hdf5Type type) {
  switch (type) {
    case Hdf5Type::uint8:
      return H5T_NATIVE_UINT8;
    case Hdf5Type::int32:
      return H5T_NATIVE_INT32;
    case Hdf5Type::int64:
      return H5T_NATIVE_INT64;
    case Hdf5Type::uint64:
      return H5T_NATIVE_UINT64;
  }
  return -1;
}

Hdf5Handle type_of(const Hdf5Element& element, bool in_file) {
  const auto number = in_file ? &file_type : &memory_type;
  if (!element.members[0].name) return Hdf5Handle(made(H5Tcopy(number(element.members[0].type)), "copy a type"));
  Hdf5Handle type(made(H5Tcreate(H5T_COMPOUND, element.bytes), "make a type"));
  for (const Hdf5Member& member : element.members)
    done(H5Tinsert(type, member.name, member.offset, number(member.type)), "make a type");
  if (in_file) done(H5Tpack(type), "pack a type");
  return type;
}

Hdf5Handle in_memory(size_t increment) {
  Hdf5Handle access(made(H5Pcreate(H5P_FILE_ACCESS), "make a property list"));
  done(H5Pset_fapl_core(access, increment, false), "choose the memory driver");
  return access;
}
}  // namespace

Hdf5Handle& Hdf5Handle::operator=(Hdf5Handle&& other) noexcept {
  if (this != &other) {
    Hdf5Handle old(std::move(*this));
    id_ = other.id_;
    other.id_ = -1;
  }
  return *this;
}

Hdf5Handle::~Hdf5Handle() {
  if (id_ >= 0) H5Idec_ref(id_);
}

Hdf5Session::Hdf5Session() : lock_(library()) {
  static const bool started = [] {
    H5dont_atexit();  // nothing is left to write; after a broken file it would complain
    H5open();
    return H5PLset_loading_state(0) >= 0;  // no code from elsewhere
  }();
  require(started, "[shards] HDF5 does not start");
  H5E_auto2_t handler = nullptr;
  H5Eget_auto2(H5E_DEFAULT, &handler, &data_);
  handler_ = reinterpret_cast<void*>(handler);
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

Hdf5Session::~Hdf5Session() { H5Eset_auto2(H5E_DEFAULT, reinterpret_cast<H5E_auto2_t>(handler_), data_); }

Hdf5Writer::Hdf5Writer(std::string_view format, size_t expected_bytes) {
  const Hdf5Handle access = in_memory(std::max<size_t>(expected_bytes / 4, 64 << 10));
  const Hdf5Handle creation(made(H5Pcreate(H5P_FILE_CREATE), "make a property list"));
  done(H5Pset_istore_k(creation, 8), "set the size of chunk indices");  // small files stay small
  file_ = Hdf5Handle(made(H5Fcreate("shard", H5F_ACC_TRUNC, creation, access), "create a file in memory"));
  const Hdf5Handle text(made(H5Tcopy(H5T_C_S1), "copy a type"));
  done(H5Tset_size(text, format.size()), "size a text");
  done(H5Tset_strpad(text, H5T_STR_NULLPAD), "pad a text");
  const Hdf5Handle one(made(H5Screate(H5S_SCALAR), "make a dataspace"));
  const Hdf5Handle attribute(
      made(H5Acreate2(file_, "format", text, one, H5P_DEFAULT, H5P_DEFAULT), "make an attribute"));
  done(H5Awrite(attribute, text, format.data()), "write an attribute");
}

void Hdf5Writer::write(const char* name, const Hdf5Element& element, size_t count, const void* values) {
  require(count > 0, "[shards] ", name, " is empty");
  const Hdf5Handle type = type_of(element, true);
  const hsize_t size = count, most = std::max<hsize_t>(1, kChunkBytes / H5Tget_size(type)),
                chunk = std::min(size, most);
  const Hdf5Handle space(made(H5Screate_simple(1, &size, nullptr), "make a dataspace"));
  const Hdf5Handle how(made(H5Pcreate(H5P_DATASET_CREATE), "make a property list"));
  done(H5Pset_chunk(how, 1, &chunk), "set chunks");
  done(H5Pset_fletcher32(how), "set checksums");
  done(H5Pset_obj_track_times(how, false), "leave out times");
  const Hdf5Handle dataset(made(H5Dcreate2(file_, name, type, space, H5P_DEFAULT, how, H5P_DEFAULT), "make a dataset"));
  done(H5Dwrite(dataset, type_of(element, false), H5S_ALL, H5S_ALL, H5P_DEFAULT, values), "write a dataset");
}

std::vector<std::byte> Hdf5Writer::finish() {
  done(H5Fflush(file_, H5F_SCOPE_GLOBAL), "flush a file in memory");
  const ssize_t size = H5Fget_file_image(file_, nullptr, 0);
  made(size, "give a file's size");
  std::vector<std::byte> image(static_cast<size_t>(size));
  made(H5Fget_file_image(file_, image.data(), image.size()), "give a file's bytes");
  file_ = {};
  return image;
}

template <class... Parts>
void Hdf5Reader::wrong(const Parts&... parts) const {
  fail(ExitCode::input, where_, ": ", parts...);
}

Hdf5Reader::Hdf5Reader(std::span<const std::byte> image, std::string where, std::string_view format)
    : where_(std::move(where)), image_bytes_(image.size()) {
  constexpr std::string_view kSignature("\x89HDF\r\n\x1a\n", 8);
  if (image.size() < 64 || !std::equal(kSignature.begin(), kSignature.end(), image.begin(),
                                       [](char a, std::byte b) { return std::byte(a) == b; }))
    wrong("is not an HDF5 file");
  const Hdf5Handle access = in_memory(64 << 10);
  done(H5Pset_file_image(access, const_cast<std::byte*>(image.data()), image.size()), "take a file's bytes");
  file_ = Hdf5Handle(H5Fopen("shard", H5F_ACC_RDONLY, access));
  if (file_ < 0) wrong("cannot be read as HDF5: ", complaint());

  struct Walk {
    std::map<std::string, bool>& names;
    std::string odd;
  } walk{names_, {}};
  const herr_t status = H5Literate(
      file_, H5_INDEX_NAME, H5_ITER_NATIVE, nullptr,
      [](hid_t, const char* name, const H5L_info_t* link, void* data) -> herr_t {
        Walk& found = *static_cast<Walk*>(data);
        constexpr size_t kMostNames = 64;
        if (link->type != H5L_TYPE_HARD) found.odd = link->type == H5L_TYPE_SOFT ? "a soft link" : "an external link";
        found.names[name] = true;
        return !found.odd.empty() || found.names.size() > kMostNames ? 1 : 0;
      },
      &walk);
  if (status < 0) wrong("its contents cannot be listed: ", complaint());
  if (!walk.odd.empty()) wrong("holds ", walk.odd, "; a shard holds data alone");
  if (status > 0) wrong("holds more than a shard has");

  const Hdf5Handle attribute(H5Aexists(file_, "format") > 0 ? H5Aopen(file_, "format", H5P_DEFAULT) : -1);
  const Hdf5Handle type(attribute >= 0 ? H5Aget_type(attribute) : -1);
  const Hdf5Handle space(attribute >= 0 ? H5Aget_space(attribute) : -1);
  std::string text(type >= 0 ? std::min<size_t>(H5Tget_size(type), 64) : 0, '\0');
  if (text.size() != format.size() || H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) != 0 ||
      H5Sget_simple_extent_npoints(space) != 1 || H5Aread(attribute, type, text.data()) < 0 || text != format)
    wrong("its format is not \"", format, "\"; was it written by another program or version?");
}

Hdf5Reader::Dataset Hdf5Reader::open(const char* name, const Hdf5Element& element) const {
  if (!has(name)) wrong("has no ", name);
  Dataset dataset{Hdf5Handle(H5Dopen2(file_, name, H5P_DEFAULT)), 0};
  if (dataset.id < 0) wrong(name, ": cannot be opened: ", complaint());

  const Hdf5Handle type(H5Dget_type(dataset.id)), wanted = type_of(element, true);
  if (type < 0 || H5Tequal(type, wanted) <= 0) wrong(name, ": holds values of another type than a shard's");

  const Hdf5Handle how(H5Dget_create_plist(dataset.id));
  if (how < 0) wrong(name, ": cannot be opened: ", complaint());
  if (H5Pget_external_count(how) != 0) wrong(name, ": its values lie in another file");
  const H5D_layout_t layout = H5Pget_layout(how);
  if (layout != H5D_CHUNKED && layout != H5D_CONTIGUOUS) wrong(name, ": is neither chunked nor contiguous");
  bool deflated = false;
  const int filters = H5Pget_nfilters(how);
  for (int i = 0; i < filters; ++i) {
    unsigned flags = 0;
    size_t values = 0;
    const H5Z_filter_t filter = H5Pget_filter2(how, unsigned(i), &flags, &values, nullptr, 0, nullptr, nullptr);
    deflated = deflated || filter == H5Z_FILTER_DEFLATE;
    if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_FLETCHER32)
      wrong(name, ": uses filter ", filter, "; known are deflate, shuffle and fletcher32");
  }

  const Hdf5Handle space(H5Dget_space(dataset.id));
  hsize_t size = 0;
  if (space < 0 || H5Sget_simple_extent_ndims(space) != 1 || H5Sget_simple_extent_dims(space, &size, nullptr) != 1)
    wrong(name, ": expected one dimension");
  const hsize_t width = H5Tget_size(type);
  const hsize_t most = std::min(kMostBytes, hsize_t(image_bytes_) * (deflated ? kMostDeflated : 1));
  if (size > most / width)
    wrong(name, ": declares ", with_commas(int64_t(size)), " values, more than its ",
          with_commas(int64_t(image_bytes_)), " bytes can hold");
  if (layout == H5D_CHUNKED) {
    hsize_t chunk = 0;
    if (H5Pget_chunk(how, 1, &chunk) != 1 || chunk > std::max<hsize_t>(size, kChunkBytes))
      wrong(name, ": its chunks are larger than itself");
  }
  if (!deflated && H5Dget_storage_size(dataset.id) < size * width) wrong(name, ": parts of it are not there");
  dataset.count = size_t(size);
  return dataset;
}

void Hdf5Reader::fill(const char* name, const Dataset& dataset, const Hdf5Element& element, void* values) const {
  if (dataset.count == 0) return;
  if (H5Dread(dataset.id, type_of(element, false), H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
    wrong(name, ": cannot be read: ", complaint());
}

}  // namespace hone::data
