// The CUDA runtime library of the emulated build: NVIDIA's declarations, our definitions, linked in the place of
// libcudart. One device, one host thread at a time. A fault is an exception (DeviceFault), not an error code. What is
// not here is not emulated, and does not link.
#include "runtime.h"

#include <cuda_runtime.h>
#include <cxxabi.h>
#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <set>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

using Work = std::function<void()>;

struct CUstream_st {
  std::deque<Work> work;
  void run_one() {
    const Work first = std::move(work.front());
    work.pop_front();
    first();
  }
};
struct CUevent_st {
  bool done = true;
  CUstream_st* stream = nullptr;
};

namespace hone::cuda_on_cpu {

Streams& streams() {
  static Streams s = Streams::eager;
  return s;
}

namespace {

// Of the smaller target, so that what fits here fits everywhere.
constexpr size_t kShared = 48 * 1024, kSharedOptIn = 99 * 1024, kDeviceMemory = size_t(4) << 30;

struct Runtime {
  std::map<char*, size_t> memory;  // device allocations
  size_t in_use = 0;
  std::set<CUstream_st*> streams;
  std::map<const void*, size_t> shared_opt_in;  // by kernel
  int device_work = 0;                          // depth
  cudaError_t last = cudaSuccess;
};
Runtime& runtime() {
  static Runtime r;
  return r;
}

void poison([[maybe_unused]] const void* p, [[maybe_unused]] size_t bytes, [[maybe_unused]] bool poisoned) {
#if defined(__SANITIZE_ADDRESS__)
  poisoned ? __asan_poison_memory_region(p, bytes) : __asan_unpoison_memory_region(p, bytes);
#endif
}

// Host code that touches device memory is an error, which the address sanitizer reports; device work lifts the ban.
struct DeviceWork {
  DeviceWork() {
    if (runtime().device_work++ == 0) mark(false);
  }
  ~DeviceWork() {
    if (--runtime().device_work == 0) mark(true);
  }
  DeviceWork(const DeviceWork&) = delete;
  static void mark(bool poisoned) {
    for (const auto& [p, bytes] : runtime().memory) poison(p, bytes, poisoned);
  }
};

bool on_device(const void* p, size_t bytes) {
  char* const first = static_cast<char*>(const_cast<void*>(p));
  auto i = runtime().memory.upper_bound(first);
  if (i == runtime().memory.begin()) return false;
  --i;
  return first >= i->first && first + bytes <= i->first + i->second;
}

void drain(CUstream_st* stream) {
  while (!stream->work.empty()) stream->run_one();
}
void drain_all() {
  for (CUstream_st* stream : runtime().streams) drain(stream);
}

// Programs are linked with their symbols exported (ENABLE_EXPORTS), so a kernel's name is that of its address.
std::string name_of(const void* kernel) {
  Dl_info info{};
  if (!::dladdr(kernel, &info) || !info.dli_sname) return "(unnamed)";
  int status = 0;
  char* const demangled = abi::__cxa_demangle(info.dli_sname, nullptr, nullptr, &status);
  std::string name = demangled ? demangled : info.dli_sname;
  std::free(demangled);
  if (name.starts_with("void ")) name.erase(0, 5);
  return name.substr(0, name.find('('));
}

cudaError_t give(cudaError_t error) { return runtime().last = error; }

cudaError_t allocate(void** p, size_t bytes) {
  if (runtime().in_use + bytes > kDeviceMemory || ::posix_memalign(p, 256, bytes ? bytes : 1) != 0)
    return give(cudaErrorMemoryAllocation);
  std::memset(*p, 0xff, bytes);  // NaN in every float type
  runtime().memory[static_cast<char*>(*p)] = bytes;
  runtime().in_use += bytes;
  if (runtime().device_work == 0) poison(*p, bytes, true);
  return cudaSuccess;
}
bool release(void* p) {
  const auto i = runtime().memory.find(static_cast<char*>(p));
  if (i == runtime().memory.end()) return false;
  poison(p, i->second, false);
  runtime().in_use -= i->second;
  runtime().memory.erase(i);
  std::free(p);
  return true;
}

void enqueue(CUstream_st* stream, Work work) {
  if (!stream) {  // the default stream waits for all others
    drain_all();
    work();
    return;
  }
  if (!runtime().streams.count(stream)) throw DeviceFault("work on a stream that does not exist");
  stream->work.push_back(std::move(work));
  if (streams() == Streams::eager) drain(stream);
}

}  // namespace

size_t device_bytes_in_use() { return runtime().in_use; }
bool is_on_device(const void* p, size_t bytes) { return on_device(p, bytes); }

void queue_work(cudaStream_t stream, Work work) {
  enqueue(stream, [work = std::move(work)] {
    const DeviceWork permission;
    work();
  });
}

bool allow_shared(const void* kernel, int bytes) {
  if (bytes < 0 || size_t(bytes) > kSharedOptIn) return false;
  runtime().shared_opt_in[kernel] = size_t(bytes);
  return true;
}

void start(cudaStream_t stream, const void* kernel, dim3 grid, dim3 block, size_t shared, Work body) {
  const std::string name = name_of(kernel);
  if (shared > kShared && runtime().shared_opt_in[kernel] < shared)
    throw DeviceFault("kernel " + name + ": " + std::to_string(shared) + " bytes of shared memory were not asked for");
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > INT32_MAX || grid.y > 65535 || grid.z > 65535)
    throw DeviceFault("kernel " + name + ": bad grid");
  enqueue(stream, [=, body = std::move(body)] {
    const DeviceWork permission;
    run_grid(name.c_str(), grid, block, shared, body);
  });
}

}  // namespace hone::cuda_on_cpu

using namespace hone::cuda_on_cpu;

extern "C" {

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInvalidDevice:
      return "invalid device ordinal";
    default:
      return "error of the emulated runtime";
  }
}
const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidDevice:
      return "cudaErrorInvalidDevice";
    default:
      return "cudaErrorInvalidValue";
  }
}
cudaError_t cudaGetLastError() { return std::exchange(runtime().last, cudaSuccess); }
cudaError_t cudaPeekAtLastError() { return runtime().last; }

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) { return device == 0 ? cudaSuccess : give(cudaErrorInvalidDevice); }
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int device) {
  if (device != 0) return give(cudaErrorInvalidDevice);
  *p = cudaDeviceProp{};
  std::strcpy(p->name, "cuda_on_cpu");  // so that no log is mistaken for a GPU's
  p->major = 12, p->minor = 1, p->multiProcessorCount = 4, p->warpSize = 32;
  p->maxThreadsPerBlock = 1024, p->maxThreadsPerMultiProcessor = 1536;
  p->sharedMemPerBlock = kShared, p->sharedMemPerBlockOptin = kSharedOptIn, p->sharedMemPerMultiprocessor = 100 * 1024;
  p->totalGlobalMem = kDeviceMemory;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr, int) {
  *value = 0;  // it does not say
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = 0;  // there is none
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  *total = kDeviceMemory;
  *free = kDeviceMemory - runtime().in_use;
  return cudaSuccess;
}

cudaError_t cudaMalloc(void** p, size_t bytes) {
  drain_all();
  return allocate(p, bytes);
}
cudaError_t cudaFree(void* p) {
  if (!p) return cudaSuccess;
  drain_all();
  return release(p) ? cudaSuccess : give(cudaErrorInvalidValue);
}
cudaError_t cudaMallocAsync(void** p, size_t bytes, cudaStream_t) { return allocate(p, bytes); }
cudaError_t cudaFreeAsync(void* p, cudaStream_t stream) {
  enqueue(stream, [p] {
    if (!release(p)) throw DeviceFault("cudaFreeAsync: not a device allocation");
  });
  return cudaSuccess;
}

cudaError_t cudaHostAlloc(void** p, size_t bytes, unsigned) {
  return ::posix_memalign(p, 256, bytes ? bytes : 1) == 0 ? cudaSuccess : give(cudaErrorMemoryAllocation);
}
cudaError_t cudaFreeHost(void* p) {
  std::free(p);
  return cudaSuccess;
}
cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int) {
  *pool = nullptr;
  return cudaSuccess;
}
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr, void*) { return cudaSuccess; }
cudaError_t cudaMemPoolTrimTo(cudaMemPool_t, size_t) { return cudaSuccess; }

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  enqueue(stream, [=] {
    const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
    const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
    if (kind != cudaMemcpyDefault && (on_device(to, bytes) != to_device || on_device(from, bytes) != from_device))
      throw DeviceFault("cudaMemcpy: " + std::to_string(bytes) + " bytes do not lie on the side that the kind says");
    const DeviceWork permission;
    std::memcpy(to, from, bytes);
  });
  return cudaSuccess;
}
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  return cudaMemcpyAsync(to, from, bytes, kind, nullptr);
}
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  enqueue(stream, [=] {
    if (!on_device(to, bytes)) throw DeviceFault("cudaMemset: not within one device allocation");
    const DeviceWork permission;
    std::memset(to, value, bytes);
  });
  return cudaSuccess;
}
cudaError_t cudaMemset(void* to, int value, size_t bytes) { return cudaMemsetAsync(to, value, bytes, nullptr); }

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = new CUstream_st;
  runtime().streams.insert(*stream);
  return cudaSuccess;
}
cudaError_t cudaStreamCreate(cudaStream_t* stream) { return cudaStreamCreateWithFlags(stream, 0); }
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  drain(stream);
  runtime().streams.erase(stream);
  delete stream;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  stream ? drain(stream) : drain_all();
  return cudaSuccess;
}
cudaError_t cudaDeviceSynchronize() {
  drain_all();
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new CUevent_st;
  return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, 0); }
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  event->done = false;
  event->stream = stream;
  enqueue(stream, [event] { event->done = true; });
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  if (!event->done) drain(event->stream);
  return cudaSuccess;
}
cudaError_t cudaEventQuery(cudaEvent_t event) { return event->done ? cudaSuccess : cudaErrorNotReady; }
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  enqueue(stream, [event, other = event->stream] {
    while (!event->done && !other->work.empty()) other->run_one();
  });
  return cudaSuccess;
}

}  // extern "C"
