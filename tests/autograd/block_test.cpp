// The rules of the engine on a whole block as the trainer builds it: attention and MLP with adapters on a frozen base,
// packed documents, dropout. What is kept, what is recomputed, what is planned, on how many threads.
#include <gtest/gtest.h>

#include <cmath>

#include "autograd/functions.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/nf4/nf4.h"
#include "kernels/rope/rope.h"
#include "tests/support/gradcheck.h"
#include "tests/support/tolerances.h"

namespace hone::test {
namespace {

namespace ag = hone::autograd;
using ag::Recompute;

constexpr int64_t kWidth = 24, kHeads = 4, kKvHeads = 2, kHeadDim = 8, kMlp = 40, kRank = 4, kVocabulary = 37;
constexpr int64_t kQ = kHeads * kHeadDim, kKv = kKvHeads * kHeadDim;

enum class Base { full, frozen, nf4 };  // every parameter trained; adapters on plain weights; on quantised ones

struct Setting {
  Base base = Base::frozen;
  double dropout = 0;
  Recompute how = Recompute::none;
  int64_t chunk = 16;
};

struct Result {
  double loss = 0;
  std::vector<double> gradients;
  Usage usage;                   // of the way forward and back
  size_t kept = 0, cleared = 0;  // bytes live after the way forward, after the way back, beyond parameters and batch
};

class Model {
 public:
  Model(Stream& stream, const Setting& setting, std::vector<int32_t> starts, DType dtype)
      : stream_(stream),
        setting_(setting),
        dtype_(dtype),
        tokens_(starts.back()),
        documents_(documents_on(stream, starts)) {
    const bool full = setting.base == Base::full;
    embedding_ = plain("embedding", {kVocabulary, kWidth}, full);
    attention_norm_ = plain("attention_norm", {kWidth}, full);
    mlp_norm_ = plain("mlp_norm", {kWidth}, full);
    final_norm_ = plain("final_norm", {kWidth}, full);
    qkv_ = linears({kQ, kKv, kKv}, kWidth), o_ = linears({kWidth}, kQ);
    gate_up_ = linears({kMlp, kMlp}, kWidth), down_ = linears({kWidth}, kMlp);
    set_.emplace(stream, parameters_);
    std::vector<int32_t> positions, ids, rows, labels;
    for (size_t d = 0; d + 1 < starts.size(); ++d)
      for (int32_t t = starts[d]; t < starts[d + 1]; ++t) {
        positions.push_back(t - starts[d]);
        ids.push_back(t * 7 % int32_t(kVocabulary));
        if (t + 1 < starts[d + 1] && t % 3 != 0)
          rows.push_back(t), labels.push_back((t + 1) * 7 % int32_t(kVocabulary));
      }
    ids_ = Tensor::from(stream, {tokens_}, ids);
    turns_ = Tensor(stream, {tokens_, kHeadDim}, dtype);
    kernels::rope_table(stream, turns_, Tensor::from(stream, {tokens_}, positions),
                        Tensor::from<double>(stream, {kHeadDim / 2}, {1, 0.5, 0.1, 0.01}));
    const int64_t count = int64_t(rows.size());
    targets_ = {Tensor::from(stream, {count}, rows), Tensor::from(stream, {count}, labels), count};
  }

  Var block(Tape& tape, const Var& x) const {
    const auto dropped = [&](const Var& h, uint16_t purpose) {
      return ag::dropout(tape, h, setting_.dropout, tape.random().at(0, purpose));
    };
    const Var h = ag::rms_norm(tape, x, tape.parameter(attention_norm_), 1e-5), hd = dropped(h, 1);
    const std::vector<Var> qkv = ag::linears(tape, h, hd, qkv_);
    const auto [q, k] = ag::rope(tape, qkv[0], qkv[1], turns_, turns_.width());
    const Var o = ag::attention(tape, q, k, qkv[2], documents_, {kHeads, kKvHeads, kHeadDim});
    const auto [sum, m] = ag::residual_rms_norm(tape, x, ag::linears(tape, o, dropped(o, 2), o_).front(),
                                                tape.parameter(mlp_norm_), 1e-5);
    const std::vector<Var> gate_up = ag::linears(tape, m, dropped(m, 3), gate_up_);
    const Var f = ag::swiglu(tape, gate_up[0], gate_up[1]);
    return ag::add(tape, sum, ag::linears(tape, f, dropped(f, 4), down_).front());
  }

  Var loss(Tape& tape) const {
    Var x = ag::embedding(tape, ids_, tape.parameter(embedding_), dtype_);
    for (int layer = 0; layer < 2; ++layer)
      x = ag::run_segment(tape, setting_.how, x, [this](Tape& inner, const Var& in) { return block(inner, in); });
    const Var h = ag::rms_norm(tape, x, tape.parameter(final_norm_), 1e-5);
    return ag::linear_cross_entropy(tape, h, embedding_, targets_, setting_.chunk);
  }

  Result step() {
    Allocator& memory = *stream_.allocator();
    set_->clear_gradients(stream_);
    Tensor one =
        dtype_ == DType::float64 ? Tensor::from<double>(stream_, {1}, {1}) : Tensor::from<float>(stream_, {1}, {1});
    const Usage before = memory.usage();
    memory.reset_peak();
    Result result;
    {
      Tape tape(stream_, {.seed = 5, .step = 2, .micro = 1});
      const Var y = loss(tape);
      result.kept = memory.usage().live - before.live;
      tape.backward(y.slot(), one);
      if (stream_.device().type == DeviceType::cpu)
        visit_float(dtype_, [&]<class T>() {
          result.loss = double(y.value().to_host<T>()[0]);
          for (const ParameterPtr& p : set_->trainable())
            for (const T g : p->grad.to_host<T>()) result.gradients.push_back(double(g));
        });
    }
    result.usage = memory.usage();
    result.usage.peak -= before.live, result.usage.allocations -= before.allocations;
    result.cleared = result.usage.live - before.live;
    return result;
  }

  int64_t tokens() const { return tokens_; }
  Stream& stream() { return stream_; }

 private:
  using Linears = std::vector<ag::LinearPart>;  // of one input
  ParameterPtr plain(const std::string& name, Shape shape, bool trainable) {
    parameters_.push_back(random_parameter(stream_, name, shape, ++seed_, trainable, dtype_));
    return parameters_.back();
  }
  Linears linears(const std::vector<int64_t>& outs, int64_t in) {
    Linears made;
    for (const int64_t out : outs) {
      made.emplace_back();
      if (setting_.base == Base::nf4) {
        QuantizedTensor weight = kernels::nf4_empty(stream_, {out, in});
        kernels::nf4_quantize(stream_, weight, 0, random_tensor(stream_, {out * in}, ++seed_, DType::float32));
        made.back().weight = kernels::nf4_nest_scales(stream_, weight);
      } else {
        made.back().weight = plain("weight", {out, in}, setting_.base == Base::full);
      }
    }
    if (setting_.base == Base::full) return made;
    for (ag::LinearPart& part : made) part.lora = {plain("a", {kRank, in}, true), nullptr, 0.5};
    for (size_t i = 0; i < outs.size(); ++i) made[i].lora->b = plain("b", {outs[i], kRank}, true);
    return made;
  }

  Stream& stream_;
  Setting setting_;
  DType dtype_;
  int64_t tokens_;
  DocumentOffsets documents_;
  uint64_t seed_ = 0;
  std::vector<ParameterPtr> parameters_;
  ParameterPtr embedding_, attention_norm_, mlp_norm_, final_norm_;
  Linears qkv_, o_, gate_up_, down_;
  std::optional<ag::ParameterSet> set_;
  Tensor ids_, turns_;
  Targets targets_;
};

const std::vector<int32_t> kPacked{0, 40, 40, 65, 130};
constexpr auto kPolicies = {Recompute::none, Recompute::selective, Recompute::full};

size_t floats(int64_t elements) { return Allocator::rounded(size_t(elements) * sizeof(float)); }

// Rule 2: what lives after the way forward is what closures captured, counted by hand.
TEST(Block, KeepsWhatIsCountedByHand) {
  for (const double dropout : {0.0, 0.1})
    for (const Recompute how : kPolicies) {
      SCOPED_TRACE(joined("dropout ", dropout, ", policy ", int(how)));
      Stream stream = Stream::cpu();
      Model model(stream, {.dropout = dropout, .how = how}, kPacked, DType::float32);
      const int64_t t = model.tokens();
      Tape tape(stream, {.seed = 1});
      size_t before = stream.allocator()->usage().live;
      Slot slot;
      {
        const Var x = tape.leaf(random_tensor(stream, {t, kWidth}, 3, DType::float32));
        before += floats(t * kWidth);
        slot = ag::run_segment(tape, how, x, [&](Tape& inner, const Var& in) { return model.block(inner, in); }).slot();
        EXPECT_TRUE(slot.wanted());
        EXPECT_GE(stream.allocator()->usage().live, before);
      }
      const size_t input = floats(t * kWidth);
      const size_t attention = floats(t)                                 // inv_rms
                               + floats(t * 3 * kRank)                   // x at of q, k, v
                               + floats(t * kQ) + 2 * floats(t * kKv)    // q and k turned, v
                               + floats(t * kQ) + floats(t * kHeads)     // o, log_sum_exp
                               + floats(t * kRank);                      // x at of o
      const size_t mlp = floats(t * kWidth) + floats(t)                  // sum, inv_rms
                         + floats(t * 2 * kRank) + 2 * floats(t * kMlp)  // x at of gate and up, gate, up
                         + floats(t * kRank);                            // x at of down
      // The adapters' inputs: norms and SwiGLU, or what dropout leaves of them; attention's own output is kept anyway.
      const size_t cheap = 2 * floats(t * kWidth) + floats(t * kMlp) + (dropout > 0 ? floats(t * kQ) : 0);
      const size_t expected =
          how == Recompute::full ? input : input + attention + mlp + (how == Recompute::none ? cheap : 0);
      EXPECT_EQ(stream.allocator()->usage().live - (before - input), expected);
    }
}

// Rules 1 and 3: the same masks, the same order of sums, so the same bits, whatever is remade and on however many
// threads.
TEST(Block, PoliciesAndThreadsGiveTheSameBits) {
  for (const Base base : {Base::full, Base::frozen, Base::nf4})
    for (const DType dtype : {DType::float32, DType::float64}) {
      SCOPED_TRACE(joined("base ", int(base), ", ", dtype));
      std::optional<Result> first;
      for (const Recompute how : kPolicies)
        for (const int threads : {1, 2}) {
          Stream stream = Stream::cpu(threads);
          const Result result = Model(stream, {.base = base, .dropout = 0.2, .how = how}, kPacked, dtype).step();
          EXPECT_EQ(result.cleared, 0u) << "bytes are left after the way back";
          if (!first) first = result;
          EXPECT_EQ(result.loss, first->loss) << "policy " << int(how) << ", threads " << threads;
          EXPECT_EQ(result.gradients, first->gradients) << "policy " << int(how) << ", threads " << threads;
        }
      EXPECT_GT(std::abs(first->gradients[0]), 0);
    }
}

// The chunks of the loss change nothing but memory.
TEST(Block, PoliciesTradeMemory) {
  std::vector<size_t> kept, peak;
  for (const Recompute how : kPolicies) {
    Stream stream = Stream::cpu();
    const Result result = Model(stream, {.dropout = 0.2, .how = how}, kPacked, DType::float32).step();
    kept.push_back(result.kept), peak.push_back(result.usage.peak);
  }
  EXPECT_TRUE(kept[0] > kept[1] && kept[1] > kept[2]);
  EXPECT_TRUE(peak[0] > peak[1] && peak[1] > peak[2]);
}

// Planned on meta, the step takes the same bytes, at the peak and left over, in as many allocations.
TEST(Block, MetaCountsWhatTheCpuTakes) {
  for (const Base base : {Base::full, Base::frozen, Base::nf4})
    for (const double dropout : {0.0, 0.2})
      for (const Recompute how : kPolicies)
        for (const int64_t chunk : {7, 1000}) {
          SCOPED_TRACE(joined("base ", int(base), ", dropout ", dropout, ", policy ", int(how), ", chunk ", chunk));
          const Setting setting{base, dropout, how, chunk};
          Stream cpu = Stream::cpu(), meta = Stream::meta();
          const Result real = Model(cpu, setting, kPacked, DType::float32).step(),
                       planned = Model(meta, setting, kPacked, DType::float32).step();
          EXPECT_EQ(planned.usage.peak, real.usage.peak);
          EXPECT_EQ(planned.usage.live, real.usage.live);
          EXPECT_EQ(planned.usage.allocations, real.usage.allocations);
          EXPECT_EQ(planned.kept, real.kept);
        }
}

// Nothing but the first step makes the system find pages.
TEST(Block, StepsReuseTheMemoryOfTheFirst) {
  for (const Recompute how : kPolicies) {
    Stream stream = Stream::cpu(2);
    Model model(stream, {.base = Base::nf4, .how = how, .chunk = 128}, {0, 500, 1024}, DType::float32);
    model.step();
    const Usage first = stream.allocator()->usage();
    EXPECT_GT(first.pages, 0u);
    EXPECT_LT(double(first.pages), 1.1 * double(first.peak)) << "policy " << int(how);
    for (int i = 0; i < 3; ++i) model.step();
    EXPECT_EQ(stream.allocator()->usage().pages, first.pages) << "policy " << int(how);
  }
}

// Rule 6: a pack's gradients are the sums of its documents' alone, and so is its loss (rule 4: summed, not averaged).
TEST(Block, APackIsTheSumOfItsDocuments) {
  Stream stream = Stream::cpu();
  // Documents of equal tokens: `ids` follow the position in the row, so shifts by the vocabulary's size leave them.
  const int32_t n = int32_t(kVocabulary) * 3;  // a multiple of 3 too, by which targets are chosen
  const Result alone = Model(stream, {}, {0, n}, DType::float64).step();
  const Result packed = Model(stream, {}, {0, n, 2 * n}, DType::float64).step();
  EXPECT_NEAR(packed.loss / alone.loss, 2, kFloat64);
  std::vector<double> twice = alone.gradients;
  for (double& g : twice) g *= 2;
  EXPECT_LT(relative_error(packed.gradients, twice), kFloat64);
}

// Rule 7: the peak of a step grows in step with the tokens.
TEST(Block, MemoryOfAStepIsLinearInTokens) {
  for (const Recompute how : kPolicies) {
    const auto peak = [&](int32_t tokens) {
      Stream meta = Stream::meta();
      return double(
          Model(meta, {.base = Base::nf4, .how = how, .chunk = 64}, {0, tokens}, DType::float32).step().usage.peak);
    };
    const double once = peak(1024), twice = peak(2048), fourfold = peak(4096);
    EXPECT_NEAR((fourfold - twice) / (twice - once), 2, 1e-3) << "policy " << int(how);
  }
}

// Rule 4: two micro-batches add up in the gradients.
TEST(Block, GradientsOfMicroBatchesAddUp) {
  Stream stream = Stream::cpu();
  const auto w = random_parameter(stream, "w", {5, 4}, 1);
  ag::ParameterSet set(stream, {w});
  const auto micro = [&](uint64_t seed) {
    Tape tape(stream);
    const Var y = ag::linear(tape, tape.constant(random_tensor(stream, {3, 4}, seed)), w);
    tape.backward(y.slot(), random_tensor(stream, {3, 5}, seed + 1));
    return w->grad.to_host<double>();
  };
  const std::vector<double> first = micro(10), both = micro(20);
  set.clear_gradients(stream);
  const std::vector<double> second = micro(20);
  std::vector<double> sum = first;
  for (size_t i = 0; i < sum.size(); ++i) sum[i] += second[i];
  EXPECT_LT(relative_error(both, sum), kFloat64);
}

}  // namespace
}  // namespace hone::test
