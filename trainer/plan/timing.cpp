#include "trainer/plan/timing.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "kernels/elementwise/elementwise.h"
#include "kernels/host/clock.h"
#include "kernels/host/median.h"

namespace hone::trainer {

namespace {
constexpr double kCold = double(size_t(32) << 20);   // bytes of tensors to walk through before any is met again
constexpr double kMost = double(size_t(512) << 20);  // bytes of tensors that one call may need to be measured
constexpr int kRounds = 5;                           // over all calls: a neighbour's moment spoils one of them
constexpr int kTimes = 3;                            // that a call is run in a round, at most,
constexpr double kEach = 0.01;                       // and no more once it took so many seconds

void add_times(Stream& stream, const Work::Call& call, bool first, std::vector<double>& times) {
  const double bytes = std::max(1.0, call.given / double(call.count));
  std::vector<std::function<void()>> kernels;
  for (int i = 0; i < std::clamp(int(kCold / bytes), 1, kTimes); ++i) kernels.push_back(call.prepare(stream));
  if (first) kernels.front()();  // code, threads and the library's own buffers are warm
  stream.wait();
  const Stopwatch all;
  for (size_t i = 0; i < size_t(kTimes) && (i == 0 || all.seconds() < kEach); ++i) {
    const Stopwatch watch;
    kernels[i % kernels.size()]();
    stream.wait();
    times.push_back(watch.seconds());
  }
}

// Bytes a second, read and written, of a copy that no cache holds.
double copy_rate(Stream& stream) {
  const Shape shape{int64_t(kCold) / 4};
  Tensor a(stream, shape, DType::float32), b(stream, shape, DType::float32);
  kernels::fill(stream, a, 1);
  std::vector<double> times;
  for (int i = 0; i < 4; ++i) {
    const Stopwatch watch;
    kernels::copy(stream, b, a);
    stream.wait();
    times.push_back(watch.seconds());
  }
  return 2 * kCold / *std::ranges::min_element(times);
}
}  // namespace

Rates measure(Stream& stream, const Work& work, double seconds) {
  // What there is most of first, so that what is left over when time is up matters least.
  std::vector<const Work::Call*> calls;
  for (const Work::Call& call : work.calls()) calls.push_back(&call);
  std::ranges::stable_sort(calls, std::greater<>(), [](const Work::Call* call) {
    return call->flops / 30 + call->bytes;  // about as long: 30 operations and a byte
  });
  Rates rates;
  rates.memory_bytes_ = copy_rate(stream);
  std::map<const Work::Call*, std::vector<double>> times;
  std::set<std::string_view> met;
  const Stopwatch watch;
  for (int round = 0; round < kRounds && (round == 0 || watch.seconds() < seconds); ++round)
    for (const Work::Call* call : calls) {
      if (call->given / double(call->count) > kMost) continue;
      const bool wanted = round > 0 ? times.contains(call) : met.insert(call->op).second || watch.seconds() < seconds;
      if (wanted) add_times(stream, *call, round == 0, times[call]);
    }
  for (const Work::Call* call : calls) {
    const auto found = times.find(call);
    if (found == times.end()) continue;
    const double count = double(call->count);
    const Rates::Measured one{median(std::move(found->second)), call->flops / count, call->bytes / count};
    rates.of_call_[call->key] = one;
    rates.of_kernel_[std::string(call->op)].push_back(one);
    if (call->flops > 0) rates.products_ += {one.seconds * count, call->flops, call->bytes};
  }
  return rates;
}

const Rates::Measured* Rates::nearest(const Work::Call& call) const {
  if (const auto same = of_call_.find(call.key); same != of_call_.end()) return &same->second;
  const auto kernel = of_kernel_.find(call.op);
  if (kernel == of_kernel_.end() || kernel->second.empty()) return nullptr;
  const double wanted = call.flops / call.bytes;
  return &*std::ranges::min_element(kernel->second, {}, [&](const Measured& m) {
    return std::abs(std::log((1 + m.flops / m.bytes) / (1 + wanted)));
  });
}

double Rates::seconds(const Work& work) const {
  double sum = 0;
  for (const Work::Call& call : work.calls()) {
    if (const Measured* const m = nearest(call)) {
      sum += m->flops > 0 ? m->seconds * call.flops / m->flops : m->seconds * call.bytes / m->bytes;
    } else if (const double rate = call.flops > 0 ? matrix_flops() : memory_bytes(); rate > 0) {
      sum += (call.flops > 0 ? call.flops : call.bytes) / rate;
    }
  }
  return sum;
}

double Rates::matrix_flops() const { return products_.seconds > 0 ? products_.flops / products_.seconds : 0; }

}  // namespace hone::trainer
