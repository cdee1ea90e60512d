// One measurement of loading a model directory in a process of its own, as a line of JSON; tools/bench/load runs them.
//   hone_bench_load read|quantise|load|keep|cached MODEL CACHE_FOLDER [threads]
// read: every byte of the weights, past the page cache. quantise: pieces of the model that are in memory already.
// load: files to NF4. keep: the same, then the cache is written. cached: the cache to memory.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iostream>

#include "kernels/host/clock.h"
#include "kernels/nf4/nf4.h"
#include "trainer/run/cached_base.h"

namespace {

using namespace hone;

// "VmHWM:" of /proc/self/status, "Cached:" of /proc/meminfo (kB), "read_bytes:" of /proc/self/io.
uint64_t value_of(const char* file, const std::string& name) {
  std::ifstream lines(file);
  for (std::string word; lines >> word;) {
    uint64_t value = 0;
    if (word == name && lines >> value) return value;
  }
  return 0;
}

// Bytes of the folder's weights that the page cache holds.
uint64_t cached_bytes(const fs::path& folder) {
  uint64_t bytes = 0;
  if (!fs::is_directory(folder)) return 0;
  for (const fs::path& path : entries_of(folder)) {
    if (path.extension() != ".safetensors") continue;
    const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    const size_t size = size_t(fs::file_size(path)), pages = (size + 4095) / 4096;
    void* const memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
    std::vector<unsigned char> there(pages);
    if (::mincore(memory, size, there.data()) == 0)
      for (const unsigned char c : there) bytes += (c & 1) * uint64_t(4096);
    ::munmap(memory, size);
  }
  return bytes;
}

struct Amount {
  uint64_t bytes = 0;  // that were read or quantised
  double seconds = 0;
  uint64_t held = 0;  // by the allocator
};

Amount read(const trainer::Base& base) {
  std::vector<FileRange> ranges;
  uint64_t bytes = 0;
  for (const auto& file : base.directory.files())
    for (const auto& tensor : file->tensors()) {
      ranges.push_back(file->range(tensor));
      bytes += ranges.back().bytes;
    }
  const Stopwatch watch;
  PieceReader reader(ranges);
  while (reader.next()) continue;
  return {bytes, watch.seconds()};
}

Amount quantise(const trainer::Base& base, Stream& stream) {
  std::string name;  // any large matrix in 16 bits
  for (const std::string& tensor : base.directory.names())
    if (tensor.ends_with("_proj.weight")) name = tensor;
  constexpr int64_t kElements = int64_t(PieceReader::kPiece) / 2;
  std::vector<bfloat16> values(static_cast<size_t>(kElements));
  base.directory.read_bytes(name, 0, std::as_writable_bytes(std::span(values)));
  const Tensor piece = Tensor::from(stream, {kElements}, values);
  QuantizedTensor weight = kernels::nf4_empty(stream, {kElements, 1});
  const Stopwatch watch;
  uint64_t bytes = 0;
  while (watch.seconds() < 3) {
    kernels::nf4_quantize(stream, weight, 0, piece);
    bytes += values.size() * 2;
  }
  return {bytes, watch.seconds()};
}

Amount load(const recipes::Recipe& recipe, const trainer::Base& base, Stream& stream, bool keep) {
  const Stopwatch watch;
  const trainer::LoadOptions options = trainer::load_options(recipe, false);
  trainer::CachedBase cached(recipe, base, options, [](const std::string& note) { std::cerr << note << '\n'; });
  const trainer::DirectoryWeights weights(base.directory);
  const trainer::Decoder model = cached.load(stream, weights);
  uint64_t bytes = 0;
  for (const auto& file : base.directory.files()) bytes += file->file().size();
  Amount amount{bytes, watch.seconds(), stream.allocator()->usage().live};
  if (keep) {
    cached.keep(model);
    cached.finish();
  }
  return amount;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    require(argc == 4 || argc == 5, ExitCode::usage,
            "usage: hone_bench_load read|quantise|load|keep|cached MODEL CACHE_FOLDER [threads]");
    const std::string what = argv[1];
    recipes::Recipe recipe;
    recipe.model.path = argv[2];
    recipe.model.cache = what == "keep" || what == "cached" ? argv[3] : "none";
    recipe.model.threads = argc == 5 ? std::atoi(argv[4]) : 2;
    Stream stream = trainer::make_stream(recipe.model);
    const uint64_t cache_before = value_of("/proc/meminfo", "Cached:") * 1024;
    const trainer::Base base(recipe.model.path);
    const Amount amount = what == "read"       ? read(base)
                          : what == "quantise" ? quantise(base, stream)
                                               : load(recipe, base, stream, what == "keep");
    const fs::path cache = trainer::base_cache_folder(recipe, base, trainer::load_options(recipe, false));
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) { return double(time.tv_sec) + double(time.tv_usec) * 1e-6; };
    std::cout << OrderedJson{{"what", what},
                             {"bytes", amount.bytes},
                             {"seconds", amount.seconds},
                             {"gb_per_second", double(amount.bytes) * 1e-9 / amount.seconds},
                             {"user_seconds", seconds(usage.ru_utime)},
                             {"system_seconds", seconds(usage.ru_stime)},
                             {"peak_resident", value_of("/proc/self/status", "VmHWM:") * 1024},
                             {"held", amount.held},
                             {"read_from_disk", value_of("/proc/self/io", "read_bytes:")},
                             {"read_by_calls", value_of("/proc/self/io", "rchar:")},
                             {"weights_in_page_cache", cached_bytes(recipe.model.path)},
                             {"cache_in_page_cache", cache.empty() ? 0 : cached_bytes(cache)},
                             {"page_cache_growth",
                              int64_t(value_of("/proc/meminfo", "Cached:") * 1024) - int64_t(cache_before)}}
              << '\n';
    return 0;
  } catch (const Error& error) {
    std::cerr << error.what() << '\n';
    return int(error.code());
  }
}
