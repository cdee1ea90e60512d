// The emulator itself: each faulty kernel is reported, the correct ones are not. What reports a fault depends on the
// build (README.md of tests/support/cuda_on_cpu): the emulator in every build, a wrong result in the plain one, the
// sanitizers in theirs.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include "block.h"
#include "runtime.h"
#include "tests/cuda_on_cpu/faulty.h"

// The first race ends the program, so that a death test sees it.
extern "C" const char* __tsan_default_options();
extern "C" const char* __tsan_default_options() { return "halt_on_error=1"; }

namespace hone::test {
namespace {

using cuda_on_cpu::Arrival, cuda_on_cpu::DeviceFault, cuda_on_cpu::Order;

struct Faulty : testing::Test {
  Faulty()
      : stream(Stream::cuda()),
        out(stream, {64}, DType::int32),
        in(Tensor::from(stream, {256}, std::vector<int32_t>(256, 5))) {}
  ~Faulty() override {
    cuda_on_cpu::settings() = {};
    cuda_on_cpu::streams() = cuda_on_cpu::Streams::eager;
  }
  bool right(const std::string& name) {
    run_faulty(stream, name, out, in);
    return out.to_host<int32_t>() == expected(name);
  }
  std::string fault(const std::string& name) {
    try {
      run_faulty(stream, name, out, in);
    } catch (const DeviceFault& found) {
      return found.what();
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing was reported";
  }
  Stream stream;
  Tensor out, in;
};

template <class Body>
void in_every_order(Body&& body) {
  for (const Order order : {Order::ascending, Order::descending, Order::random})
    for (const Arrival arrival : {Arrival::lazy, Arrival::eager, Arrival::random})
      for (const uint64_t seed : {1, 2}) {
        SCOPED_TRACE(joined("order ", int(order), ", arrival ", int(arrival), ", seed ", seed));
        cuda_on_cpu::settings() = {order, arrival, seed};
        body();
      }
}

TEST_F(Faulty, CorrectKernelsAreNotReported) {
  for (const char* name : {"reverse_with_barrier", "warp_with_syncwarp", "sums_twice", "blocks_add_with_atomic",
                           "copy_with_wait"})
    in_every_order([&] { EXPECT_TRUE(right(name)) << name; });
}

struct Reported {
  const char *name, *text;
};
const Reported kReported[] = {
    {"barrier_in_branch", "thread 32 returned while threads of its block wait at a barrier"},
    {"two_barriers_in_branches", "divergent barrier: thread 32 at faulty_cuda.cu:"},
    {"barrier_in_uneven_loop", "barrier that returned threads never reach"},
    {"early_return", "returned while threads of its block wait at a barrier"},
    {"shuffle_in_branch", "its mask names lanes that returned"},
    {"shuffle_outside_its_mask", "a shuffle reads lane 16, which is not in the mask"},
    {"shuffle_not_in_its_mask", "calls with a mask it is not in"},
    {"shuffles_at_two_calls", "other lanes of the mask are at __shfl_xor_sync faulty_cuda.cu:"},
    {"returns_before_shuffle", "returned while lanes of its warp wait for it at __shfl_xor_sync"},
    {"masks_in_a_circle", "deadlock: no thread of the block can go on"},
    {"five_masks_at_once", "too many different masks at once"},
    {"barrier_against_shuffle", "deadlock: no thread of the block can go on"},
    {"copy_never_waited_for", "returned with an asynchronous copy under way"},
    {"copy_one_stage_too_far", "the destination is not in this block's shared memory"},
    {"copy_misaligned", "an address is not a multiple of 16"},
    {"copy_to_global", "the destination is not in this block's shared memory"},
    {"ldmatrix_misaligned", "ldmatrix: the row of lane 0 is not at a multiple of 16"},
    {"ldmatrix_of_global", "is not in this block's shared memory"},
    {"too_little_shared", "carves 2560 bytes of shared memory, launched with 2048"},
    {"carved_differently", "threads carve shared memory differently"},
    {"throws", "thread 3: exception in device code: a host function was called"},
    {"too_many_threads", "1056 threads in a block"},
    {"no_threads", "0 threads in a block"},
    {"too_much_shared", "[cuda] cudaFuncSetAttribute (shared memory) at faulty_cuda.cu:"},
    {"shared_not_asked_for", "65536 bytes of shared memory were not asked for"},
    {"too_high_grid", "bad grid"},
    {"wrong_memcpy_kind", "do not lie on the side that the kind says"},
};

TEST_F(Faulty, FaultsAreReportedInEveryBuild) {
  for (const Reported& r : kReported) {
    EXPECT_NE(fault(r.name).find(r.text), std::string::npos) << r.name << ": " << fault(r.name);
    EXPECT_TRUE(right("reverse_with_barrier")) << "after the fault of " << r.name;
  }
}

TEST_F(Faulty, ReportsNameKernelPlaceAndWaiters) {
  const std::string text = fault("two_barriers_in_branches");
  EXPECT_EQ(text.find("kernel hone::test::two_barriers_in_branches, block (0,0,0): divergent barrier"), 0) << text;
  EXPECT_NE(text.find("32 threads (0,1,2,3,4,5,…) waiting at __syncthreads faulty_cuda.cu:"), std::string::npos)
      << text;
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_F(Faulty, MissingSynchronisationGivesAWrongResult) {
  for (const char* name : {"reverse_without_barrier", "warp_without_syncwarp", "sums_twice_without_second_barrier",
                           "zeroed_without_barrier", "uninitialised_shared"})
    in_every_order([&] { EXPECT_FALSE(right(name)) << name; });
  for (const Arrival arrival : {Arrival::lazy, Arrival::random}) {
    cuda_on_cpu::settings() = {Order::ascending, arrival, 1};
    EXPECT_FALSE(right("copy_without_wait"));
    EXPECT_FALSE(right("copy_waited_for_too_few"));
  }
  for (const Order order : {Order::ascending, Order::descending, Order::random}) {
    cuda_on_cpu::settings() = {order, Arrival::eager, 1};
    EXPECT_FALSE(right("copy_into_tile_still_read"));
  }
}

#endif

using FaultyDeathTest = Faulty;

#if defined(__SANITIZE_ADDRESS__)
TEST_F(FaultyDeathTest, BoundsAndLifetime) {
  EXPECT_DEATH(right("shared_overrun_by_one"), "heap-buffer-overflow");
  EXPECT_DEATH(right("global_overrun"), "heap-buffer-overflow");
  EXPECT_DEATH(right("static_shared_overrun"), "index 2 out of bounds");
  EXPECT_DEATH(right("misaligned_vector"), "misaligned address");
  EXPECT_DEATH(right("free_before_use"), "heap-use-after-free");
  EXPECT_DEATH(right("host_reads_device"), "use-after-poison");
}
#endif

#if defined(__SANITIZE_THREAD__)
TEST_F(FaultyDeathTest, Races) {
  for (const char* name : {"reverse_without_barrier", "warp_without_syncwarp", "sums_twice_without_second_barrier",
                           "zeroed_without_barrier", "blocks_add_without_atomic", "copy_without_wait",
                           "copy_waited_for_too_few", "copy_into_tile_still_read"})
    EXPECT_DEATH(right(name), "data race") << name;
}
#endif

// Streams that run only when waited for: a copy sees stale memory, on another stream unless an event orders them, on the
// host unless it waits.
TEST_F(Faulty, LazyStreamsShowAMissingWait) {
  Stream other = Stream::cuda();
  const auto native = [](const Stream& s) { return static_cast<cudaStream_t>(s.native()); };
  run_faulty(stream, "reverse_with_barrier", out, in);
  out.to_host<int32_t>();
  cuda_on_cpu::streams() = cuda_on_cpu::Streams::lazy;
  const uint64_t before = cuda_on_cpu::ledger().launches;
  run_faulty(stream, "blocks_add_with_atomic", out, in);
  EXPECT_EQ(cuda_on_cpu::ledger().launches, before) << "queued, not run";
  std::vector<int32_t> seen(64);
  other.allocator()->to_host(seen.data(), out.data<int32_t>(), 256);
  EXPECT_NE(seen, expected("blocks_add_with_atomic")) << "the other stream waits for nobody";

  cudaEvent_t added = nullptr;
  cudaEventCreate(&added);
  cudaEventRecord(added, native(stream));
  cudaStreamWaitEvent(native(other), added, 0);
  cudaMemcpyAsync(seen.data(), out.data<int32_t>(), 256, cudaMemcpyDeviceToHost, native(other));
  EXPECT_NE(seen, expected("blocks_add_with_atomic")) << "the host did not wait";
  cudaStreamSynchronize(native(other));
  EXPECT_EQ(seen, expected("blocks_add_with_atomic"));
  cudaEventDestroy(added);
}

TEST_F(Faulty, TheLedgerCounts) {
  cuda_on_cpu::ledger() = {};
  EXPECT_TRUE(right("reverse_with_barrier"));
  EXPECT_TRUE(right("blocks_add_with_atomic"));
  EXPECT_TRUE(right("copy_with_wait"));
  const cuda_on_cpu::Ledger& l = cuda_on_cpu::ledger();
  EXPECT_EQ(l.launches, 3);
  EXPECT_EQ(l.blocks, 10);
  EXPECT_EQ(l.threads, 640);
  EXPECT_EQ(l.barriers, 2);
  EXPECT_EQ(l.copy_async, 64);
}

TEST_F(Faulty, DeviceMemoryIsFreedAndStartsAsNaN) {
  const size_t before = cuda_on_cpu::device_bytes_in_use();
  {
    const Tensor fresh(stream, {33}, DType::float32);
    EXPECT_EQ(cuda_on_cpu::device_bytes_in_use(), before + Allocator::rounded(33 * 4));
    for (const float v : fresh.to_host<float>()) EXPECT_NE(v, v);
  }
  EXPECT_EQ(cuda_on_cpu::device_bytes_in_use(), before);
  try {
    const Tensor huge(stream, {int64_t(1) << 40}, DType::float32);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::memory);
  }
}

}  // namespace
}  // namespace hone::test
