// Products through oneDNN's matmul (versions 2 and 3), one thread a call. A primitive is code made for its sizes; each
// thread keeps those it has used.
#include <array>
#include <oneapi/dnnl/dnnl.hpp>
#include <string_view>
#include <unordered_map>

#include "kernels/core/gemm_tile.h"

#if DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_OMP
extern "C" void omp_set_num_threads(int);
#endif

namespace hone::kernels::cpu {

namespace {
using dnnl::memory;

bool has(dnnl::cpu_isa isa) { return (int(dnnl::get_effective_cpu_isa()) & int(isa)) == int(isa); }

const dnnl::engine& engine() {
  static const dnnl::engine made(dnnl::engine::kind::cpu, 0);
  return made;
}

template <class T>
constexpr memory::data_type kType = std::is_same_v<T, float> ? memory::data_type::f32 : memory::data_type::bf16;

// What a primitive is made for: sizes, strides, types, factors.
using Key = std::array<int64_t, 8>;
struct Hash {
  size_t operator()(const Key& key) const {
    uint64_t hash = 0;
    for (const int64_t part : key) hash = (hash ^ uint64_t(part)) * 0x9E3779B97F4A7C15u, hash ^= hash >> 29;
    return size_t(hash);
  }
};

struct Product {
  bool usable;  // false: oneDNN has nothing but its plain loops for this
  dnnl::matmul primitive;
  memory a, b, c, scratch, alpha;
  std::vector<std::byte> scratch_bytes;
  std::unordered_map<int, memory> arguments;
};

memory::desc matrix(int64_t rows, int64_t columns, int64_t stride, bool transposed, memory::data_type type) {
  return {{rows, columns}, type, transposed ? memory::dims{1, stride} : memory::dims{stride, 1}};
}

dnnl::matmul::primitive_desc description(const memory::desc& a, const memory::desc& b, const memory::desc& c,
                                         float alpha, float beta) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (beta != 0) {
    dnnl::post_ops after;
    after.append_sum(beta);
    attributes.set_post_ops(after);
  }
#if DNNL_VERSION_MAJOR >= 3
  if (alpha != 1) attributes.set_scales_mask(DNNL_ARG_SRC, 0);
  return {engine(), a, b, c, attributes};
#else
  if (alpha != 1) attributes.set_output_scales(0, {alpha});
  return {dnnl::matmul::desc(a, b, c), attributes, engine()};
#endif
}

template <class T, class C>
Product made(const TileProduct<T, C>& p) {
  const memory::desc a = matrix(p.m, p.k, p.stride_a, p.transpose_a, kType<T>),
                     b = matrix(p.k, p.n, p.stride_b, p.transpose_b, kType<T>),
                     c = matrix(p.m, p.n, p.stride_c, false, kType<C>);
  const dnnl::matmul::primitive_desc chosen = description(a, b, c, p.alpha, p.beta);
  const bool plain_loops = std::string_view(chosen.impl_info_str()).starts_with("ref");
  Product product{.usable = !plain_loops,
                  .primitive = dnnl::matmul(chosen),
                  .a = memory(a, engine(), DNNL_MEMORY_NONE),
                  .b = memory(b, engine(), DNNL_MEMORY_NONE),
                  .c = memory(c, engine(), DNNL_MEMORY_NONE),
                  .scratch = {},
                  .alpha = {},
                  .scratch_bytes = std::vector<std::byte>(chosen.scratchpad_desc().get_size() + 64),
                  .arguments = {}};
  void* place = product.scratch_bytes.data();
  size_t room = product.scratch_bytes.size();
  product.scratch = memory(chosen.scratchpad_desc(), engine(), std::align(64, room - 64, place, room));
  product.arguments = {{DNNL_ARG_SRC, product.a},
                       {DNNL_ARG_WEIGHTS, product.b},
                       {DNNL_ARG_DST, product.c},
                       {DNNL_ARG_SCRATCHPAD, product.scratch}};
#if DNNL_VERSION_MAJOR >= 3
  if (p.alpha != 1) {
    product.alpha = memory({{1}, memory::data_type::f32, memory::format_tag::x}, engine());
    *static_cast<float*>(product.alpha.get_data_handle()) = p.alpha;
    product.arguments.emplace(DNNL_ARG_ATTR_SCALES | DNNL_ARG_SRC, product.alpha);
  }
#endif
  return product;
}

struct Worker {  // what belongs to one thread
  Worker() : stream(engine()) {
#if DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_OMP
    omp_set_num_threads(1);  // of this thread alone
#endif
  }
  dnnl::stream stream;
  std::unordered_map<Key, Product, Hash> products;
};

template <class T, class C>
bool multiply(const TileProduct<T, C>& p) {
  constexpr size_t kMostProducts = 4096;
  thread_local Worker worker;
  const auto bits = [](float value) { return int64_t(std::bit_cast<uint32_t>(value)); };
  const Key key{p.m,        p.n,        p.k,
                p.stride_a, p.stride_b, p.stride_c,
                bits(p.alpha) << 32 | bits(p.beta),
                int64_t(p.transpose_a) | int64_t(p.transpose_b) << 1 | int64_t(kType<T>) << 2 | int64_t(kType<C>) << 16};
  auto found = worker.products.find(key);
  if (found == worker.products.end()) {
    if (worker.products.size() >= kMostProducts) worker.products.clear();
    found = worker.products.emplace(key, made(p)).first;
  }
  Product& product = found->second;
  if (!product.usable) return false;
  product.a.set_data_handle(const_cast<T*>(p.a));  // read only
  product.b.set_data_handle(const_cast<T*>(p.b));
  product.c.set_data_handle(p.c);
  product.primitive.execute(worker.stream, product.arguments);
  worker.stream.wait();
  return true;
}
}  // namespace

bool onednn_has_bfloat16() {
  static const bool has_it = has(dnnl::cpu_isa::avx512_core_bf16);
  return has_it;
}

bool onednn_tile(const TileProduct<float>& p) {
  static const bool faster = has(dnnl::cpu_isa::avx512_core);
  if (!faster || p.k == 0) return false;
  return multiply(p);
}
bool onednn_tile(const TileProduct<bfloat16>& p) {
  if (!onednn_has_bfloat16() || p.k == 0) return false;
  return multiply(p);
}
bool onednn_tile(const TileProduct<bfloat16, float>& p) {
  if (!onednn_has_bfloat16() || p.k == 0) return false;
  return multiply(p);
}

}  // namespace hone::kernels::cpu
