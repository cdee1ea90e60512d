#include "block.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "engine.h"

constinit thread_local uint3 threadIdx{}, blockIdx{};
constinit thread_local dim3 blockDim{}, gridDim{};

namespace hone::cuda_on_cpu {

constinit thread_local Thread* self = nullptr;

Settings& settings() {
  static Settings s;
  return s;
}
Ledger& ledger() {
  static thread_local Ledger l;
  return l;
}
Engine& engine() {
  static thread_local Engine e;
  return e;
}
std::string text(const Where& where) { return std::string(where.name()) + ":" + std::to_string(where.line); }

namespace {
std::string thread_text(const Thread& t) { return "thread " + std::to_string(t.linear); }
bool same(const Where& a, const Where& b) { return a.line == b.line && std::string_view(a.file) == b.file; }
void run(Thread& t) {
  self = &t;
  threadIdx = t.index;
}
}  // namespace

void Engine::mark_ready(Thread& thread) {
  thread.state = Thread::State::ready;
  ready_[thread.rank / 64] |= 1ull << (thread.rank % 64);
}

// The ready thread of the lowest rank: one thread runs until it must wait, the worst case for a missing barrier.
Thread* Engine::pick() {
  for (unsigned w = 0; w * 64 < count_; ++w)
    if (ready_[w]) {
      const unsigned rank = w * 64 + unsigned(__builtin_ctzll(ready_[w]));
      ready_[w] &= ready_[w] - 1;
      return by_rank_[rank];
    }
  return nullptr;
}

void Engine::go_to(Thread& next) {
  Thread& me = *self;
  if (&next == &me) return;
  run(next);
  ++ledger().switches;
  switch_fiber(*me.fiber, *next.fiber);
  if (unwinding_) throw Unwind{};
  run(me);
}

void Engine::wait_for_others() {
  self->state = Thread::State::waiting;
  Thread* const next = pick();
  if (!next) stop("deadlock: no thread of the block can go on" + report());
  go_to(*next);
}

void Engine::give_way() {
  mark_ready(*self);
  go_to(*pick());
}

std::string Engine::report() const {
  std::map<std::string, std::vector<unsigned>> groups;
  for (const Thread& t : threads) {
    if (t.state == Thread::State::finished) groups["returned"].push_back(t.linear);
    if (t.state == Thread::State::waiting)
      groups[std::string("waiting at ") + t.waits_for + " " + text(t.where)].push_back(t.linear);
  }
  std::string s;
  for (const auto& [what, who] : groups) {
    s += "\n  " + std::to_string(who.size()) + " threads (";
    for (size_t i = 0; i < who.size() && i < 6; ++i) s += (i ? "," : "") + std::to_string(who[i]);
    s += (who.size() > 6 ? ",…) " : ") ") + what;
  }
  return s;
}

void Engine::stop(const std::string& what) {
  if (!unwinding_) fault_text_ = what;
  unwinding_ = true;
  throw Unwind{};
}

void Engine::finish(Thread& me) {
  const bool copying = !me.open_group.empty() || std::any_of(me.groups.begin(), me.groups.end(),
                                                             [](const auto& group) { return !group.empty(); });
  if (copying) stop(thread_text(me) + " returned with an asynchronous copy under way");
  me.state = Thread::State::finished;
  ++done;
  Warp& warp = warps[me.warp];
  warp.gone |= 1u << me.lane;
  for (const Collective& c : warp.pending)
    if (c.mask >> me.lane & 1)
      stop(thread_text(me) + " returned while lanes of its warp wait for it at " + c.name + report());
  if (at_barrier) stop(thread_text(me) + " returned while threads of its block wait at a barrier" + report());
}

void Engine::entry(boost::context::detail::transfer_t transfer) {
  Engine& e = engine();
  arrive(transfer, e.host_);
  for (;;) {  // a finished fiber is switched to again for a thread of the next block
    Thread& me = *self;
    Fiber* to = &e.host_;
    if (!e.unwinding_) try {
        acquire_order(&e.grid_start_);
        (*e.body_)();
        release_order(&e.grid_end_);
        e.finish(me);
        if (Thread* const next = e.pick()) {
          run(*next);
          to = next->fiber;
        } else if (e.done != e.count_) {
          e.stop("deadlock: no thread of the block can go on" + e.report());
        }
      } catch (const Unwind&) {
      } catch (const std::exception& error) {
        e.fault_text_ = thread_text(me) + ": exception in device code: " + error.what();
        e.unwinding_ = true;
      }
    me.state = Thread::State::finished;
    if (e.unwinding_) release_order(&e.grid_end_);  // the host reads the message and frees the arguments after this
    ++ledger().switches;
    switch_fiber(*me.fiber, *to);
  }
}

// Gives each thread its rank and its fiber. Fibers rotate from block to block: else threads of the same index of two
// blocks would be one thread to the thread sanitizer, and a race between blocks would be missed.
void Engine::arrange(std::mt19937_64& random) {
  std::vector<unsigned> order(count_);
  std::iota(order.begin(), order.end(), 0u);
  if (settings().order == Order::descending) std::reverse(order.begin(), order.end());
  if (settings().order == Order::random) {  // warps in random order, lanes in random order within
    std::vector<unsigned> shuffled(warps.size());
    std::iota(shuffled.begin(), shuffled.end(), 0u);
    std::shuffle(shuffled.begin(), shuffled.end(), random);
    unsigned at = 0;
    for (const unsigned warp : shuffled) {
      const unsigned first = at;
      for (unsigned lane = 0; lane < 32 && warp * 32 + lane < count_; ++lane) order[at++] = warp * 32 + lane;
      std::shuffle(order.begin() + first, order.begin() + at, random);
    }
  }
  const unsigned rotation = unsigned(random() % count_);
  for (unsigned rank = 0; rank < count_; ++rank) {
    Thread& t = threads[order[rank]];
    t.rank = rank;
    by_rank_[rank] = &t;
    t.fiber = fibers_[(order[rank] + rotation) % count_].get();
    t.open_group.clear();
    t.groups.clear();
    mark_ready(t);
  }
}

void Engine::run_block(std::mt19937_64& random) {
  done = at_barrier = 0;
  std::fill(warps.begin(), warps.end(), Warp{});
  if (count_ % 32) warps.back().gone = ~0u << count_ % 32;
  arrange(random);
  Thread& first = *pick();
  run(first);
  switch_fiber(host_, *first.fiber);
  if (unwinding_) {
    for (Thread& t : threads)
      if (t.state != Thread::State::finished) {
        run(t);
        switch_fiber(host_, *t.fiber);
      }
    unwinding_ = false;
    acquire_order(&grid_end_);
    std::fill(std::begin(ready_), std::end(ready_), 0);
  }
  self = nullptr;
  release_arrays();
  if (fault_text_.empty()) return;
  const std::string what = std::string("kernel ") + kernel_ + ", block (" + std::to_string(blockIdx.x) + "," +
                           std::to_string(blockIdx.y) + "," + std::to_string(blockIdx.z) + "): " + fault_text_;
  fault_text_.clear();
  throw DeviceFault(what);
}

void Engine::resize(dim3 block) {
  const unsigned n = block.x * block.y * block.z;
  if (n == 0 || n > 1024)
    throw DeviceFault(std::string("kernel ") + kernel_ + ": " + std::to_string(n) + " threads in a block");
  if (count_ != n) {
    count_ = n;
    threads.assign(n, Thread{});
    by_rank_.assign(n, nullptr);
    warps.assign((n + 31) / 32, Warp{});
  }
  for (unsigned i = 0; i < n; ++i) {
    Thread& t = threads[i];
    t.index = uint3{i % block.x, i / block.x % block.y, i / block.x / block.y};
    t.linear = i, t.lane = i % 32, t.warp = i / 32;
  }
  while (fibers_.size() < n) fibers_.push_back(std::make_unique<Fiber>());
  for (unsigned i = 0; i < n; ++i)
    if (!fibers_[i]->prepared) fibers_[i]->prepare(&Engine::entry);
}

void Engine::run_grid(const char* kernel_name, dim3 grid, dim3 block, size_t shared_bytes,
                      const std::function<void()>& kernel) {
  if (self) fault("a kernel may not start kernels");
  kernel_ = kernel_name;
  body_ = &kernel;
  dynamic_bytes = shared_bytes;
  resize(block);
  adopt_thread(host_);
  gridDim = grid;
  blockDim = block;
  std::mt19937_64 random(settings().seed);
  const size_t blocks = size_t(grid.x) * grid.y * grid.z;
  ++ledger().launches;
  ledger().blocks += blocks;
  ledger().threads += blocks * count_;
  std::vector<size_t> order(blocks);
  std::iota(order.begin(), order.end(), size_t(0));
  if (settings().order == Order::descending) std::reverse(order.begin(), order.end());
  if (settings().order == Order::random) std::shuffle(order.begin(), order.end(), random);
  release_order(&grid_start_);
  for (const size_t b : order) {
    blockIdx = uint3{unsigned(b % grid.x), unsigned(b / grid.x % grid.y), unsigned(b / grid.x / grid.y)};
    run_block(random);
  }
  acquire_order(&grid_end_);
}

void fault(const std::string& what) {
  if (!self) throw DeviceFault(what);
  engine().stop(thread_text(*self) + ": " + what);
}

void block_barrier(Where where) {
  Engine& e = engine();
  Thread& me = *self;
  me.waits_for = "__syncthreads";
  me.where = where;
  if (e.done)
    e.stop(thread_text(me) + " waits at a barrier that returned threads never reach, " + text(where) + e.report());
  if (e.at_barrier == 0) e.barrier_where = where;
  if (!same(e.barrier_where, where))
    e.stop("divergent barrier: " + thread_text(me) + " at " + text(where) + ", others at " + text(e.barrier_where) +
           e.report());
  const int phase = e.barrier_phase;
  release_order(&e.barrier_tag[phase]);
  if (++e.at_barrier < e.threads.size()) {
    e.wait_for_others();
  } else {
    ++ledger().barriers;
    e.at_barrier = 0;
    e.barrier_phase ^= 1;
    for (Thread& t : e.threads)
      if (&t != &me) e.mark_ready(t);
    e.give_way();  // the last to arrive goes on by its rank like the rest
  }
  acquire_order(&e.barrier_tag[phase]);
}

void warp_collective(unsigned mask, const char* name, Where where, void* arguments, Perform perform,
                     bool orders_memory) {
  Engine& e = engine();
  Thread& me = *self;
  Warp& warp = e.warps[me.warp];
  me.waits_for = name;
  me.where = where;
  const auto who = [&] { return thread_text(me) + " at " + name + " " + text(where) + ": "; };
  if (!(mask >> me.lane & 1)) e.stop(who() + "calls with a mask it is not in");
  if (mask & warp.gone) e.stop(who() + "its mask names lanes that returned or do not exist" + e.report());
  Collective* c = nullptr;
  for (Collective& p : warp.pending) {
    if (p.mask == mask) {
      c = &p;
      break;
    }
    if (p.mask == 0 && !c) c = &p;
  }
  if (!c) e.stop(who() + "too many different masks at once" + e.report());
  if (c->mask == 0) {
    *c = Collective{.mask = mask, .name = name, .where = where, .perform = perform};
  } else if (c->perform != perform || !same(c->where, where)) {
    e.stop(who() + "other lanes of the mask are at " + c->name + " " + text(c->where) + e.report());
  }
  c->arguments[me.lane] = arguments;
  c->arrived |= 1u << me.lane;
  const int phase = warp.phase;
  if (orders_memory) release_order(&warp.tag[phase]);
  if (c->arrived != mask) {
    e.wait_for_others();
  } else {
    ++ledger().collectives;
    if (c->perform) c->perform(mask, c->arguments);
    c->mask = 0;
    if (orders_memory) warp.phase ^= 1;
    for (unsigned lane = 0; lane < 32; ++lane)
      if ((mask >> lane & 1) && lane != me.lane) e.mark_ready(e.threads[me.warp * 32 + lane]);
    e.give_way();
  }
  if (orders_memory) acquire_order(&warp.tag[phase]);
}

void run_grid(const char* kernel, dim3 grid, dim3 block, size_t dynamic_shared_bytes,
              const std::function<void()>& body) {
  engine().run_grid(kernel, grid, block, dynamic_shared_bytes, body);
}

}  // namespace hone::cuda_on_cpu
