// cuBLASLt, found at run time: it is half a gigabyte, so it is neither linked nor shipped, and the program starts
// without it.
#include "kernels/core/cuda/matrix_product.h"

#include <cublasLt.h>
#include <dlfcn.h>

#include <array>
#include <bit>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>

#include "kernels/core/cuda/error.h"

namespace hone::kernels::cuda {

namespace {

// The functions that are used, by their own declarations.
struct Library {
  decltype(&cublasLtCreate) create = nullptr;
  decltype(&cublasLtGetVersion) version = nullptr;
  decltype(&cublasLtMatmul) matmul = nullptr;
  decltype(&cublasLtMatmulAlgoGetHeuristic) choose = nullptr;
  decltype(&cublasLtMatmulAlgoConfigGetAttribute) algorithm_get = nullptr;
  decltype(&cublasLtMatmulDescCreate) product_create = nullptr;
  decltype(&cublasLtMatmulDescDestroy) product_destroy = nullptr;
  decltype(&cublasLtMatmulDescSetAttribute) product_set = nullptr;
  decltype(&cublasLtMatrixLayoutCreate) layout_create = nullptr;
  decltype(&cublasLtMatrixLayoutDestroy) layout_destroy = nullptr;
  decltype(&cublasLtMatmulPreferenceCreate) preference_create = nullptr;
  decltype(&cublasLtMatmulPreferenceDestroy) preference_destroy = nullptr;
  decltype(&cublasLtMatmulPreferenceSetAttribute) preference_set = nullptr;
  std::string problem;  // why there is none

  Library() {
    constexpr const char* kPlaces[] = {"libcublasLt.so.13", "/usr/local/cuda/lib64/libcublasLt.so.13"};
    void* library = nullptr;
    for (const char* place : kPlaces) {
      if ((library = ::dlopen(place, RTLD_NOW | RTLD_LOCAL))) break;
      if (problem.empty()) problem = ::dlerror();
    }
    if (!library) return;
    problem.clear();
    const auto find = [&](auto& function, const char* name) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(library, name));
      if (!function && problem.empty()) problem = std::string("libcublasLt.so.13 has no ") + name;
    };
    find(create, "cublasLtCreate"), find(version, "cublasLtGetVersion"), find(matmul, "cublasLtMatmul");
    find(choose, "cublasLtMatmulAlgoGetHeuristic"), find(algorithm_get, "cublasLtMatmulAlgoConfigGetAttribute");
    find(product_create, "cublasLtMatmulDescCreate"), find(product_destroy, "cublasLtMatmulDescDestroy");
    find(product_set, "cublasLtMatmulDescSetAttribute");
    find(layout_create, "cublasLtMatrixLayoutCreate"), find(layout_destroy, "cublasLtMatrixLayoutDestroy");
    find(preference_create, "cublasLtMatmulPreferenceCreate");
    find(preference_destroy, "cublasLtMatmulPreferenceDestroy");
    find(preference_set, "cublasLtMatmulPreferenceSetAttribute");
  }
};
const Library& library() {
  static const Library found;
  return found;
}

void check(cublasStatus_t status, const char* call, const MatrixProduct& p, Where where = Where::here()) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  fail(ExitCode::gpu, "[cuda] ", call, " at ", where.name(), ':', where.line, ": status ", int(status), " for a ", p.m,
       " x ", p.n, " x ", p.k, " product of ", p.input, " into ", p.output,
       ". Does the driver serve this cuBLASLt (`hone doctor`)? If it does, please report this.");
}

cudaDataType_t type_of(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return CUDA_R_32F;
    case DType::float64:
      return CUDA_R_64F;
    case DType::bfloat16:
      return CUDA_R_16BF;
    default:
      fail("[cuda] no product of ", dtype);
  }
}

// What an address is a multiple of, up to the 16 bytes that kernels ask for at most.
uint32_t alignment_of(const void* address) {
  return uint32_t(1) << std::countr_zero(reinterpret_cast<std::uintptr_t>(address) | 16);
}

// A shape, and what else the choice of an algorithm depends on.
using Key = std::array<int64_t, 13>;
Key key_of(const MatrixProduct& p, int device) {
  return {p.m,
          p.n,
          p.k,
          p.ld_a,
          p.ld_b,
          p.ld_c,
          int64_t(p.transpose_a) | int64_t(p.transpose_b) << 1 | int64_t(p.beta == 0) << 2,
          int64_t(p.input) << 8 | int64_t(p.output),
          alignment_of(p.a),
          alignment_of(p.b),
          alignment_of(p.c),
          int64_t(p.workspace_bytes),
          device};
}

template <auto destroy>
struct Destroyer {
  template <class T>
  void operator()(T* object) const {
    if (object) (library().*destroy)(object);
  }
};
using ProductForm = std::unique_ptr<cublasLtMatmulDescOpaque_t, Destroyer<&Library::product_destroy>>;
using Layout = std::unique_ptr<cublasLtMatrixLayoutOpaque_t, Destroyer<&Library::layout_destroy>>;
using Preference = std::unique_ptr<cublasLtMatmulPreferenceOpaque_t, Destroyer<&Library::preference_destroy>>;

struct Prepared {
  ProductForm form;
  Layout a, b, c;
  cublasLtMatmulAlgo_t algorithm{};
};

Layout layout(const MatrixProduct& p, DType type, int64_t rows, int64_t columns, int64_t ld) {
  cublasLtMatrixLayout_t made = nullptr;
  check(library().layout_create(&made, type_of(type), uint64_t(rows), uint64_t(columns), ld),
        "cublasLtMatrixLayoutCreate", p);
  return Layout(made);
}

Prepared prepare(cublasLtHandle_t handle, const MatrixProduct& p) {
  const Library& lt = library();
  const bool wide = p.input == DType::float64;
  Prepared made;
  cublasLtMatmulDesc_t form = nullptr;
  check(lt.product_create(&form, wide ? CUBLAS_COMPUTE_64F : CUBLAS_COMPUTE_32F, wide ? CUDA_R_64F : CUDA_R_32F),
        "cublasLtMatmulDescCreate", p);
  made.form.reset(form);
  const auto transposed = [&](cublasLtMatmulDescAttributes_t which, bool yes) {
    const cublasOperation_t operation = yes ? CUBLAS_OP_T : CUBLAS_OP_N;
    check(lt.product_set(form, which, &operation, sizeof operation), "cublasLtMatmulDescSetAttribute", p);
  };
  transposed(CUBLASLT_MATMUL_DESC_TRANSA, p.transpose_a), transposed(CUBLASLT_MATMUL_DESC_TRANSB, p.transpose_b);
  made.a = p.transpose_a ? layout(p, p.input, p.k, p.m, p.ld_a) : layout(p, p.input, p.m, p.k, p.ld_a);
  made.b = p.transpose_b ? layout(p, p.input, p.n, p.k, p.ld_b) : layout(p, p.input, p.k, p.n, p.ld_b);
  made.c = layout(p, p.output, p.m, p.n, p.ld_c);

  cublasLtMatmulPreference_t preference = nullptr;
  check(lt.preference_create(&preference), "cublasLtMatmulPreferenceCreate", p);
  const Preference owner(preference);
  const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t which, const auto& value) {
    check(lt.preference_set(preference, which, &value, sizeof value), "cublasLtMatmulPreferenceSetAttribute", p);
  };
  prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, uint64_t(p.workspace_bytes));
  // Parts of a sum are added from the workspace. In place they would be added as they come, in any order.
  prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, uint32_t(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment_of(p.a));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment_of(p.b));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment_of(p.c));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment_of(p.c));
  cublasLtMatmulHeuristicResult_t result{};
  int found = 0;
  check(lt.choose(handle, form, made.a.get(), made.b.get(), made.c.get(), made.c.get(), preference, 1, &result, &found),
        "cublasLtMatmulAlgoGetHeuristic", p);
  check(found == 1 ? result.state : CUBLAS_STATUS_NOT_SUPPORTED, "cublasLtMatmulAlgoGetHeuristic", p);
  made.algorithm = result.algo;
  return made;
}

std::string line_of(const Key& key, const cublasLtMatmulAlgo_t& algorithm) {
  const auto value = [&](cublasLtMatmulAlgoConfigAttributes_t which) {
    uint32_t v = 0;
    size_t written = 0;
    if (library().algorithm_get(&algorithm, which, &v, sizeof v, &written) != CUBLAS_STATUS_SUCCESS) return -1l;
    return long(written == 2 ? v & 0xffffu : v);
  };
  std::ostringstream text;
  text << key[0] << " x " << key[1] << " x " << key[2] << ' ' << (key[6] & 1 ? 'T' : 'N') << (key[6] & 2 ? 'T' : 'N')
       << ' ' << DType(key[7] >> 8) << " -> " << DType(key[7] & 255) << ": algorithm "
       << value(CUBLASLT_ALGO_CONFIG_ID) << ", tile " << value(CUBLASLT_ALGO_CONFIG_TILE_ID) << ", stages "
       << value(CUBLASLT_ALGO_CONFIG_STAGES_ID) << ", parts " << value(CUBLASLT_ALGO_CONFIG_SPLITK_NUM)
       << ", cluster " << value(CUBLASLT_ALGO_CONFIG_CLUSTER_SHAPE_ID);
  return text.str();
}

// Choices live as long as the program: a shape has one algorithm, whenever and however often it is asked for.
struct Choices {
  std::mutex mutex;
  std::map<int, cublasLtHandle_t> handles;  // by device
  std::map<Key, Prepared> made;
  std::vector<std::string> lines;
};
Choices& choices() {
  static Choices& all = *new Choices;  // never destroyed: at the program's end the driver may be gone before it
  return all;
}

const Prepared& prepared(int device, const MatrixProduct& p, cublasLtHandle_t& handle) {
  const Library& lt = library();
  require(lt.problem.empty(), ExitCode::gpu, "[cuda] products need cuBLASLt, which could not be loaded: ", lt.problem,
          ". Install CUDA's libraries (the toolkit, or NVIDIA's wheel nvidia-cublas) and let LD_LIBRARY_PATH name "
          "their folder.");
  Choices& all = choices();
  const std::lock_guard lock(all.mutex);
  cublasLtHandle_t& own = all.handles[device];
  if (!own) check(lt.create(&own), "cublasLtCreate", p);
  handle = own;
  const Key key = key_of(p, device);
  auto place = all.made.find(key);
  if (place == all.made.end()) {
    place = all.made.emplace(key, prepare(handle, p)).first;
    all.lines.push_back(line_of(key, place->second.algorithm));
  }
  return place->second;
}

}  // namespace

void matrix_product(Stream& stream, const MatrixProduct& p) {
  cuda::check(cudaSetDevice(stream.device().index), "cudaSetDevice");
  cublasLtHandle_t handle = nullptr;
  const Prepared& how = prepared(stream.device().index, p, handle);
  const float alpha = float(p.alpha), beta = float(p.beta);
  const bool wide = p.input == DType::float64;
  check(library().matmul(handle, how.form.get(), wide ? static_cast<const void*>(&p.alpha) : &alpha, p.a, how.a.get(),
                         p.b, how.b.get(), wide ? static_cast<const void*>(&p.beta) : &beta, p.c, how.c.get(), p.c,
                         how.c.get(), &how.algorithm, p.workspace, p.workspace_bytes,
                         static_cast<cudaStream_t>(stream.native())),
        "cublasLtMatmul", p);
}

std::vector<std::string> matrix_algorithms() {
  const std::lock_guard lock(choices().mutex);
  return choices().lines;
}

std::string matrix_library(std::string* problem) {
  const Library& lt = library();
  if (problem) *problem = lt.problem;
  if (!lt.problem.empty()) return "";
  const size_t v = lt.version();  // 130100 → 13.1.0
  std::ostringstream text;
  text << v / 10000 << '.' << v / 100 % 100 << '.' << v % 100;
  return text.str();
}

}  // namespace hone::kernels::cuda
