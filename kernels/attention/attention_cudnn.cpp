// cuDNN's attention through its header-only front end, which this file alone includes: it costs half a minute. A form
// of a call is prepared once and kept; what the library refuses is kept as refused.
#include <cudnn_frontend.h>
#include <dlfcn.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>

#include "kernels/attention/attention_library.h"
#include "kernels/core/cuda/device.h"
#include "kernels/core/cuda/error.h"

namespace cudnn_frontend {
void* cudnn_dlhandle = nullptr;  // where the front end looks for the library's functions
}

namespace hone::kernels::cuda {

namespace fe = cudnn_frontend;

namespace {
// Loads the library once; empty, or why it could not.
const std::string& problem() {
  static const std::string said = [] {
    std::string first;
    constexpr const char* kRuntime = "libcudart.so.13";  // which the front end looks for by itself, and one of CUDA 12
    if (!::dlopen(kRuntime, RTLD_NOW | RTLD_LOCAL)) return std::string(::dlerror());
    ::setenv("CUDNN_FRONTEND_CUDART_LIB_NAME", kRuntime, 0);
    for (const char* place : {"libcudnn.so.9", "/usr/local/cuda/lib64/libcudnn.so.9"}) {
      if ((fe::cudnn_dlhandle = ::dlopen(place, RTLD_NOW | RTLD_LOCAL))) return std::string();
      if (first.empty()) first = ::dlerror();
    }
    return first;
  }();
  return said;
}

enum Uid : int64_t {
  kQ = 1,
  kK,
  kV,
  kO,
  kStatistics,
  kDout,
  kDq,
  kDk,
  kDv,
  kLengths,
  kOfQueries,
  kOfKeys,
  kOfStatistics
};

// All that a prepared call depends on.
struct Form {
  int64_t backward, device, documents, longest, tokens, heads, kv_heads, head_dim, window;
  double scale;
  auto operator<=>(const Form&) const = default;
};

// planned: for compute capability 9.0 whatever is here.
std::shared_ptr<fe::graph::Graph> graph_of(const Form& form, bool planned = false) {
  using fe::DataType_t;
  using Attributes = fe::graph::Tensor_attributes;
  auto graph = std::make_shared<fe::graph::Graph>();
  graph->set_io_data_type(DataType_t::BFLOAT16)
      .set_intermediate_data_type(DataType_t::FLOAT)
      .set_compute_data_type(DataType_t::FLOAT);
  if (planned) graph->set_sm_version(90).set_sm_count(132);  // of an H100
  const auto numbers = [&](const char* name, Uid uid, int64_t count) {
    return graph->tensor(Attributes()
                             .set_name(name)
                             .set_uid(uid)
                             .set_dim({count, 1, 1, 1})
                             .set_stride({1, 1, 1, 1})
                             .set_data_type(DataType_t::INT32));
  };
  const auto lengths = numbers("lengths", kLengths, form.documents),
             of_queries = numbers("of_queries", kOfQueries, form.documents + 1),
             of_keys = numbers("of_keys", kOfKeys, form.documents + 1),
             of_statistics = numbers("of_statistics", kOfStatistics, form.documents + 1);
  const auto shaped = [&](const std::shared_ptr<Attributes>& tensor, Uid uid, int64_t heads, int64_t width,
                          const std::shared_ptr<Attributes>& offsets) {
    tensor->set_uid(uid)
        .set_dim({form.documents, heads, form.longest, width})
        .set_stride({form.longest * heads * width, width, heads * width, 1})
        .set_ragged_offset(offsets);
  };
  const auto given = [&](const char* name, Uid uid, int64_t heads, const std::shared_ptr<Attributes>& offsets) {
    auto tensor = graph->tensor(Attributes().set_name(name));
    shaped(tensor, uid, heads, form.head_dim, offsets);
    return tensor;
  };
  const auto q = given("q", kQ, form.heads, of_queries), k = given("k", kK, form.kv_heads, of_keys),
             v = given("v", kV, form.kv_heads, of_keys);
  if (form.backward == 0) {
    auto how = fe::graph::SDPA_attributes()
                   .set_name("attention")
                   .set_generate_stats(true)
                   .set_attn_scale(float(form.scale))
                   .set_causal_mask(true)
                   .set_padding_mask(true)
                   .set_seq_len_q(lengths)
                   .set_seq_len_kv(lengths);
    if (form.window > 0) how.set_diagonal_band_left_bound(int(form.window));
    auto [o, statistics] = graph->sdpa(q, k, v, how);
    shaped(o, kO, form.heads, form.head_dim, of_queries);
    shaped(statistics, kStatistics, form.heads, 1, of_statistics);
    o->set_output(true);
    statistics->set_output(true).set_data_type(DataType_t::FLOAT);
    return graph;
  }
  const auto o = given("o", kO, form.heads, of_queries), dout = given("dout", kDout, form.heads, of_queries);
  auto statistics = graph->tensor(Attributes().set_name("statistics").set_data_type(DataType_t::FLOAT));
  shaped(statistics, kStatistics, form.heads, 1, of_statistics);
  auto how = fe::graph::SDPA_backward_attributes()
                 .set_name("attention_backward")
                 .set_attn_scale(float(form.scale))
                 .set_causal_mask(true)
                 .set_padding_mask(true)
                 .set_seq_len_q(lengths)
                 .set_seq_len_kv(lengths)
                 .set_max_total_seq_len_q(form.tokens)
                 .set_max_total_seq_len_kv(form.tokens);
  if (form.window > 0) how.set_diagonal_band_left_bound(int(form.window));
  auto [dq, dk, dv] = graph->sdpa_backward(q, k, v, o, dout, statistics, how);
  shaped(dq, kDq, form.heads, form.head_dim, of_queries);
  shaped(dk, kDk, form.kv_heads, form.head_dim, of_keys);
  shaped(dv, kDv, form.kv_heads, form.head_dim, of_keys);
  for (const auto& gradient : {dq, dk, dv}) gradient->set_output(true);
  return graph;
}

struct Prepared {
  std::shared_ptr<fe::graph::Graph> graph;  // null: refused
  std::string refusal = {};
  int64_t workspace = 0;
};

Prepared prepare(cudnnHandle_t handle, const Form& form) {
  Prepared made;
  try {
    auto graph = graph_of(form);
    fe::error_t said = graph->build(handle, {fe::HeurMode_t::A, fe::HeurMode_t::FALLBACK});
    if (said.is_bad()) return {.graph = {}, .refusal = said.get_message()};
    made.workspace = graph->get_workspace_size();
    made.graph = std::move(graph);
  } catch (const std::exception& error) {  // the front end throws where CUDA's own libraries are not found
    return {.graph = {}, .refusal = error.what()};
  }
  return made;
}

struct Calls {
  std::mutex mutex;
  std::map<int, cudnnHandle_t> handles;  // by device
  std::map<Form, Prepared> prepared;
  std::vector<std::string> refusals;
};
Calls& calls() {
  static Calls& all = *new Calls;  // never destroyed: at the program's end the driver may be gone before it
  return all;
}

Form form_of(const Stream& stream, bool backward, const LibraryAttention& library, int64_t tokens,
             const AttentionShape& shape) {
  return {.backward = backward,
          .device = stream.device().index,
          .documents = library.documents,
          .longest = library.longest,
          .tokens = tokens,
          .heads = shape.heads,
          .kv_heads = shape.kv_heads,
          .head_dim = shape.head_dim,
          .window = shape.window,
          .scale = shape.score_scale()};
}

using Pointers = std::unordered_map<int64_t, void*>;

void* pointer(const Tensor& tensor) {
  const auto as = [&]<class T>() -> void* { return const_cast<T*>(tensor.data<T>()); };
  switch (tensor.dtype()) {
    case DType::bfloat16:
      return as.operator()<bfloat16>();
    case DType::int32:
      return as.operator()<int32_t>();
    case DType::uint8:
      return as.operator()<uint8_t>();
    default:
      return as.operator()<float>();
  }
}

bool run(Stream& stream, const LibraryAttention& library, const Form& form, Pointers pointers) {
  if (!problem().empty()) return false;
  check(cudaSetDevice(stream.device().index), "cudaSetDevice");
  Calls& all = calls();
  const std::lock_guard lock(all.mutex);
  cudnnHandle_t& handle = all.handles[stream.device().index];
  if (!handle && fe::detail::create_handle(&handle) != CUDNN_STATUS_SUCCESS) {
    handle = nullptr;
    if (all.refusals.empty())
      all.refusals.push_back("everything: cudnnCreate failed; does the driver serve this cuDNN?");
    return false;
  }
  auto place = all.prepared.find(form);
  if (place == all.prepared.end()) {
    Prepared made = prepare(handle, form);
    if (made.graph && made.workspace > library.workspace.elements())
      made = {.graph = {},
              .refusal = joined("it wants ", made.workspace, " bytes, planned are ", library.workspace.elements())};
    if (!made.graph)
      all.refusals.push_back(joined(form.backward ? "attention_backward" : "attention", " of ", form.tokens,
                                    " tokens, heads ", form.heads, '/', form.kv_heads, " x ", form.head_dim,
                                    ", window ", form.window, ": ", made.refusal));
    place = all.prepared.emplace(form, std::move(made)).first;
  }
  const Prepared& made = place->second;
  if (!made.graph) return false;
  pointers.insert({{kLengths, pointer(library.lengths)},
                   {kOfQueries, pointer(library.of_queries)},
                   {kOfKeys, pointer(library.of_keys)},
                   {kOfStatistics, pointer(library.of_statistics)}});
  fe::detail::set_stream(handle, static_cast<cudaStream_t>(stream.native()));
  fe::error_t said = made.graph->execute(handle, pointers, pointer(library.workspace));
  require(said.is_good(), ExitCode::gpu, "[cuda] cuDNN's attention: ", said.get_message(),
          ". Use training.deterministic: true, which does without, and please report this.");
  return true;
}
}  // namespace

bool cudnn_attention(Stream& stream, const LibraryAttention& library, Tensor& o, Tensor& log_sum_exp, const Tensor& q,
                     const Tensor& k, const Tensor& v, const AttentionShape& shape) {
  return run(
      stream, library, form_of(stream, false, library, q.rows(), shape),
      {{kQ, pointer(q)}, {kK, pointer(k)}, {kV, pointer(v)}, {kO, pointer(o)}, {kStatistics, pointer(log_sum_exp)}});
}

bool cudnn_attention_backward(Stream& stream, const LibraryAttention& library, Tensor& dq, Tensor& dk, Tensor& dv,
                              const Tensor& dout, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& o,
                              const Tensor& log_sum_exp, const AttentionShape& shape) {
  return run(stream, library, form_of(stream, true, library, q.rows(), shape),
             {{kQ, pointer(q)},
              {kK, pointer(k)},
              {kV, pointer(v)},
              {kO, pointer(o)},
              {kStatistics, pointer(log_sum_exp)},
              {kDout, pointer(dout)},
              {kDq, pointer(dq)},
              {kDk, pointer(dk)},
              {kDv, pointer(dv)}});
}

std::string cudnn_check(bool backward, int64_t documents, int64_t longest, int64_t tokens,
                        const AttentionShape& shape) {
  if (!problem().empty()) return problem();
  const auto graph = graph_of({backward, 0, documents, longest, tokens, shape.heads, shape.kv_heads, shape.head_dim,
                               shape.window, shape.score_scale()},
                              true);
  fe::error_t said = graph->validate();
  return said.is_good() ? "" : said.get_message();
}

}  // namespace hone::kernels::cuda

namespace hone {
CudaLibrary cuda_attention_library() {
  using kernels::cuda::problem;
  if (!problem().empty()) return {"cuDNN", {}, problem()};
  const size_t v = cudnn_frontend::detail::get_backend_version();  // 91900 → 9.19.0
  return {"cuDNN", joined(v / 10000, '.', v / 100 % 100, '.', v % 100), {}};
}
std::vector<std::string> cuda_attention_refusals() {
  auto& calls = kernels::cuda::calls();
  const std::lock_guard lock(calls.mutex);
  return calls.refusals;
}
}  // namespace hone
