#include "data/batches/batches.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <set>
#include <thread>

#include "data/batches/packing.h"
#include "data/batches/prefetcher.h"
#include "kernels/host/error.h"
#include "kernels/host/json.h"
#include "tests/support/environment.h"

namespace hone::data {
namespace {

using Lists = std::vector<std::vector<int32_t>>;

// Rows whose tokens are all learned but the first.
std::vector<Row> rows_of(const Lists& lists) {
  std::vector<Row> rows;
  for (const auto& list : lists) {
    Row row;
    row.number = int64_t(rows.size()), row.tokens = list, row.labels = list;
    row.labels[0] = kNotLearned;
    rows.push_back(row);
  }
  return rows;
}

// `count` rows of 1 … longest tokens; token j of row i is 1000 i + j.
std::vector<Row> many_rows(int count, int longest) {
  Lists lists;
  for (int i = 0; i < count; ++i) {
    std::vector<int32_t> list(size_t(1 + (i * 7919) % longest));
    std::iota(list.begin(), list.end(), 1000 * i);
    lists.push_back(list);
  }
  return rows_of(lists);
}

std::set<std::multiset<int32_t>> as_sets(const Lists& rows) {
  std::set<std::multiset<int32_t>> sets;
  for (const auto& row : rows) sets.insert({row.begin(), row.end()});
  return sets;
}

TEST(Batch, JoinsDocumentsByHand) {
  const std::vector<Row> rows = rows_of({{5, 6, 7}, {8}, {9, 10}});
  const std::vector<int64_t> order{2, 0, 1};
  const Batch batch = join(rows, order);
  EXPECT_EQ(batch.tokens, (std::vector<int32_t>{9, 10, 5, 6, 7, 8}));
  EXPECT_EQ(batch.positions, (std::vector<int32_t>{0, 1, 0, 1, 2, 0}));
  EXPECT_EQ(batch.labels, (std::vector<int32_t>{10, -100, 6, 7, -100, -100}));
  EXPECT_EQ(batch.starts, (std::vector<int32_t>{0, 2, 5, 6}));
  EXPECT_EQ(batch.rows, order);
  EXPECT_EQ(batch.documents, 3);
  EXPECT_EQ(batch.targets, 3);
}

TEST(Batch, MasksWhatIsNotLearned) {
  std::vector<Row> rows = rows_of({{5, 6, 7, 2}});
  rows[0].labels = {-100, -100, 7, 2};
  const Batch batch = join(rows, std::vector<int64_t>{0});
  EXPECT_EQ(batch.labels, (std::vector<int32_t>{-100, 7, 2, -100}));
  EXPECT_EQ(batch.targets, 2);
}

// Labels and positions that torchtune publishes for a packed row (tests/torchtune/datasets/test_packed_dataset.py):
// its first row holds a whole document and the beginning of another.
TEST(Batch, EqualsPublishedLabels) {
  HONE_NEEDS_FIXTURES();
  const Json table = read_json(*test::fixtures() / "reference_tables.json").at("packing").at("torchtune");
  const Json& published = table.at("split_across_pack");
  auto tokens = published.at("tokens")[0].get<std::vector<int32_t>>();
  const std::vector<Row> rows = rows_of({{tokens.begin(), tokens.begin() + 7}, {tokens.begin() + 7, tokens.end()}});
  const Batch batch = join(rows, std::vector<int64_t>{0, 1});
  auto labels = published.at("labels")[0].get<std::vector<int32_t>>();
  labels.back() = kNotLearned;  // there the document goes on in the next row
  EXPECT_EQ(batch.labels, labels);
  EXPECT_EQ(batch.positions, published.at("input_pos")[0].get<std::vector<int32_t>>());
}

TEST(Packing, EqualsPublishedRows) {
  HONE_NEEDS_FIXTURES();
  const Json table = read_json(*test::fixtures() / "reference_tables.json").at("packing").at("trl");
  int compared = 0;
  for (const char* name : {"bfd", "bfd_split"})
    for (const Json& example : table.at(name)) {
      const int64_t capacity = example.at("seq_length").get<int64_t>();
      const Lists documents = example.at("in").get<Lists>();
      std::vector<Document> given;
      bool fits = true;
      for (const auto& document : documents) {
        fits = fits && int64_t(document.size()) <= capacity;
        if (!document.empty()) given.push_back({int64_t(&document - documents.data()), int64_t(document.size())});
      }
      if (!fits) continue;  // too long rows never get this far
      Lists packed;
      for (const auto& row : pack(given, capacity)) {
        packed.emplace_back();
        for (const int64_t i : row)
          packed.back().insert(packed.back().end(), documents[size_t(i)].begin(), documents[size_t(i)].end());
      }
      EXPECT_EQ(as_sets(packed), as_sets(example.at("out").get<Lists>())) << name;
      ++compared;
    }
  EXPECT_EQ(compared, 3);
}

TEST(Packing, FillsTheBestRowOldestFirst) {
  using Rows = std::vector<std::vector<int64_t>>;
  EXPECT_EQ(pack({{0, 6}, {1, 8}, {2, 2}, {3, 4}, {4, 1}}, 10), (Rows{{0, 3}, {1, 2}, {4}}));
  EXPECT_EQ(pack({{0, 6}, {1, 6}, {2, 4}, {3, 4}}, 10), (Rows{{0, 2}, {1, 3}}));
  EXPECT_EQ(pack({{0, 10}, {1, 10}}, 10), (Rows{{0}, {1}}));
  // A window of one: the row with 6 is closed when that with 5 would be the second open one.
  EXPECT_EQ(pack({{0, 6}, {1, 5}, {2, 4}, {3, 5}}, 10, 1), (Rows{{0}, {1, 2}, {3}}));
  EXPECT_EQ(pack({{0, 6}, {1, 5}, {2, 4}, {3, 5}}, 10, 2), (Rows{{0, 2}, {1, 3}}));
  EXPECT_THROW(pack({{0, 11}}, 10), Error);
  EXPECT_THROW(pack({{0, 0}}, 10), Error);
}

// Worked out in Python with a Philox 4x32-10 that gives Random123's published vectors: counter (i, purpose, 0, epoch),
// key the seed, words 1 and 0 as a 64-bit number modulo i + 1, for i from the last down to 1.
TEST(Permutation, IsTheSameEverywhere) {
  EXPECT_EQ(permutation(10, 17, 0), (std::vector<int64_t>{6, 4, 7, 1, 8, 0, 5, 9, 2, 3}));
  EXPECT_EQ(permutation(10, 17, 1), (std::vector<int64_t>{7, 6, 4, 3, 8, 5, 0, 9, 1, 2}));
  EXPECT_EQ(permutation(1, 17, 0), std::vector<int64_t>{0});
  EXPECT_TRUE(permutation(0, 17, 0).empty());
}

TEST(Permutation, IsUniform) {
  std::vector<int> first(6), at_place(6);
  for (uint64_t seed = 0; seed < 6000; ++seed) {
    const std::vector<int64_t> order = permutation(6, seed, 3);
    ++first[size_t(order[0])], ++at_place[size_t(std::find(order.begin(), order.end(), 2) - order.begin())];
  }
  for (size_t i = 0; i < 6; ++i) {  // 1000 expected, standard deviation 29
    EXPECT_NEAR(first[i], 1000, 145);
    EXPECT_NEAR(at_place[i], 1000, 145);
  }
}

struct Case {
  bool packing, shuffle;
  int64_t micro_batch_size, accumulation, batch_tokens;
};

class BatchesProperties : public testing::TestWithParam<Case> {};

TEST_P(BatchesProperties, HoldInEveryEpoch) {
  const Case& c = GetParam();
  const std::vector<Row> rows = many_rows(307, 40);
  const BatchOptions options{40, c.packing, c.shuffle, 5, c.micro_batch_size, c.accumulation, c.batch_tokens};
  const Batches batches(rows, options);
  int64_t step = 0;
  std::vector<std::vector<int64_t>> orders;
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    std::vector<int64_t> order;
    const int64_t first = step;
    for (; step < first + batches.steps_in_epoch(epoch); ++step) {
      EXPECT_EQ(batches.epoch_of(step), epoch);
      const std::vector<Batch> micro_batches = batches.step(step);
      ASSERT_FALSE(micro_batches.empty());
      EXPECT_LE(int64_t(micro_batches.size()), batches.accumulation());
      for (const Batch& batch : micro_batches) {
        const size_t total = batch.tokens.size();
        EXPECT_LE(int64_t(total), 40 * batches.micro_batch_size());
        ASSERT_EQ(batch.labels.size(), total);
        ASSERT_EQ(batch.positions.size(), total);
        ASSERT_EQ(int64_t(batch.starts.size()), batch.documents + 1);
        ASSERT_EQ(batch.starts.back(), int32_t(total));
        int64_t targets = 0;
        for (int64_t d = 0; d < batch.documents; ++d) {
          const Row& row = rows[size_t(batch.rows[size_t(d)])];
          const size_t begin = size_t(batch.starts[size_t(d)]), length = row.tokens.size();
          ASSERT_EQ(size_t(batch.starts[size_t(d) + 1]) - begin, length) << "a document is split";
          for (size_t t = 0; t < length; ++t) {
            EXPECT_EQ(batch.tokens[begin + t], row.tokens[t]);
            EXPECT_EQ(batch.positions[begin + t], int32_t(t));
            EXPECT_EQ(batch.labels[begin + t], t + 1 < length ? row.tokens[t + 1] : kNotLearned);
          }
          targets += int64_t(length) - 1;
          order.push_back(batch.rows[size_t(d)]);
        }
        EXPECT_EQ(batch.targets, targets);
      }
    }
    EXPECT_EQ(batches.steps_of(double(epoch + 1)), step);
    orders.push_back(order);
    std::sort(order.begin(), order.end());
    std::vector<int64_t> all(rows.size());
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(order, all) << "every row once an epoch";
  }
  EXPECT_EQ(orders[0] == orders[1], !c.shuffle);
  EXPECT_TRUE(c.shuffle || c.packing || std::is_sorted(orders[0].begin(), orders[0].end()));

  // A pure function of the step: another object, asked in another order, gives the same.
  const Batches again(rows, options);
  for (const int64_t s : {step - 1, int64_t(0), step / 2, step - 1}) {
    const std::vector<Batch> a = batches.step(s), b = again.step(s);
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i].rows, b[i].rows);
  }
}
INSTANTIATE_TEST_SUITE_P(Options, BatchesProperties,
                         testing::Values(Case{true, true, 1, 1, 0}, Case{true, true, 2, 3, 0},
                                         Case{true, false, 2, 3, 0}, Case{false, true, 1, 1, 0},
                                         Case{false, true, 4, 2, 0}, Case{false, false, 3, 2, 0},
                                         Case{true, true, 7, 9, 200}, Case{false, true, 4, 9, 200},
                                         Case{true, true, 1, 1000, 0}));

TEST(Batches, CountsStepsAsTheTrainerOfTransformersDoes) {
  // 10 rows, 2 x 2 a step: 2 whole steps and one of 2 rows; 2 1/2 epochs of 3 steps are ceil(7.5).
  const std::vector<Row> rows = many_rows(10, 3);
  const Batches batches(rows, {.max_length = 3, .packing = false, .micro_batch_size = 2, .accumulation = 2});
  EXPECT_EQ(batches.steps_per_epoch(), 3);
  EXPECT_EQ(batches.step(0).size(), 2u);
  EXPECT_EQ(batches.step(2).size(), 1u);
  EXPECT_EQ(batches.step(2)[0].documents, 2);
  EXPECT_EQ(batches.steps_of(2), 6);
  EXPECT_EQ(batches.steps_of(2.5), 8);
  EXPECT_EQ(batches.steps_of(0), 0);
}

TEST(Batches, BatchTokensSetTheAccumulation) {
  const std::vector<Row> rows = rows_of({{1, 2, 3, 4}, {5, 6, 7, 8}, {9, 10, 11, 12}, {13, 14, 15, 16}});
  const auto accumulation = [&](bool packing, int64_t micro, int64_t tokens) {
    const Batches batches(rows,
                          {.max_length = 8, .packing = packing, .micro_batch_size = micro, .batch_tokens = tokens});
    return std::pair(batches.micro_batch_size(), batches.accumulation());
  };
  EXPECT_EQ(accumulation(true, 3, 16), std::pair(int64_t(1), int64_t(2)));
  EXPECT_EQ(accumulation(true, 3, 19), std::pair(int64_t(1), int64_t(2)));  // 2.4
  EXPECT_EQ(accumulation(true, 3, 20), std::pair(int64_t(1), int64_t(3)));  // 2.5
  EXPECT_EQ(accumulation(true, 3, 1), std::pair(int64_t(1), int64_t(1)));
  EXPECT_EQ(accumulation(false, 2, 16), std::pair(int64_t(2), int64_t(2)));  // 4 tokens a document
}

TEST(Batches, ReportPacking) {
  const std::vector<Row> rows = rows_of({{1, 2, 3}, {4, 5, 6, 7}, {8, 9, 10}});
  const Batches batches(rows, {.max_length = 4, .shuffle = false});
  ASSERT_TRUE(batches.packed());
  EXPECT_EQ(batches.packed()->rows, 3);
  EXPECT_EQ(batches.packed()->max_length, 4);
  EXPECT_DOUBLE_EQ(batches.packed()->padding, 1 - 10.0 / 12);
  EXPECT_FALSE(Batches(rows, {.max_length = 4, .packing = false}).packed());
}

TEST(Batches, RefuseWhatCannotBe) {
  const std::vector<Row> none, rows = rows_of({{1, 2, 3}});
  EXPECT_THROW(Batches(none, {.max_length = 4}), Error);
  EXPECT_THROW(Batches(rows, {.max_length = 2}), Error);
  EXPECT_THROW(Batches(rows, {.max_length = 4, .micro_batch_size = 0}), Error);
  EXPECT_THROW(Batches(rows, {.max_length = 4, .accumulation = 0}), Error);
  EXPECT_THROW(Batches(rows, {.max_length = 4}).step(-1), Error);
  EXPECT_THROW(Batches(rows, {.max_length = 4}).steps_of(-1), Error);
}

TEST(EvaluationBatches, KeepTheOrder) {
  const std::vector<Row> rows = rows_of({{1, 2, 3}, {4, 5}, {6, 7, 8, 9, 10, 11}, {12}, {13, 14}});
  std::vector<std::vector<int64_t>> held;
  for (const Batch& batch : evaluation_batches(rows, 5)) held.push_back(batch.rows);
  EXPECT_EQ(held, (std::vector<std::vector<int64_t>>{{0, 1}, {2}, {3, 4}}));
  held.clear();
  for (const Batch& batch : evaluation_batches(rows, 0)) held.push_back(batch.rows);
  EXPECT_EQ(held, (std::vector<std::vector<int64_t>>{{0}, {1}, {2}, {3}, {4}}));
  EXPECT_TRUE(evaluation_batches({}, 5).empty());
}

// Rows in blocks of `size`, counting how often each is read.
class CountedBlocks : public RowBlocks {
 public:
  CountedBlocks(const std::vector<Row>& rows, int64_t size) : rows_(rows), size_(size), loads(size_t(blocks())) {}
  int64_t blocks() const override { return (int64_t(rows_.size()) + size_ - 1) / size_; }
  int64_t first_row(int64_t block) const override { return std::min(block * size_, int64_t(rows_.size())); }
  int64_t length(int64_t row) const override { return int64_t(rows_[size_t(row)].tokens.size()); }
  std::shared_ptr<const RowBlock> load(int64_t block) const override {
    ++loads[size_t(block)];
    const auto begin = rows_.begin() + first_row(block), end = rows_.begin() + first_row(block + 1);
    struct Held : RowBlock {
      std::vector<Row> rows;
      int64_t count() const override { return int64_t(rows.size()); }
      int64_t length(int64_t row) const override { return int64_t(rows[size_t(row)].tokens.size()); }
      void copy(int64_t row, int32_t* tokens, int32_t* labels) const override {
        std::ranges::copy(rows[size_t(row)].tokens, tokens);
        std::ranges::copy(rows[size_t(row)].labels, labels);
      }
    };
    auto held = std::make_shared<Held>();
    held->rows.assign(begin, end);
    return held;
  }

 private:
  const std::vector<Row>& rows_;
  int64_t size_;

 public:
  mutable std::vector<int> loads;
};

std::string text_of(const std::vector<Batch>& batches) {
  std::string text;
  for (const Batch& batch : batches) {
    for (const int64_t row : batch.rows) text += std::to_string(row) + " ";
    for (const auto* list : {&batch.tokens, &batch.labels, &batch.positions, &batch.starts})
      for (const int32_t number : *list) text += std::to_string(number) + ",";
    text += "|";
  }
  return text;
}

TEST(Windows, OneWindowIsTheOldOrder) {
  const std::vector<Row> rows = many_rows(300, 90);
  const BatchOptions options{.max_length = 100, .seed = 5, .micro_batch_size = 2, .accumulation = 3};
  const CountedBlocks blocks(rows, 17);
  const Batches whole(rows, options), parts(blocks, options);
  ASSERT_EQ(parts.steps_of(2.5), whole.steps_of(2.5));
  for (int64_t step = 0; step < whole.steps_of(2.5); ++step)
    ASSERT_EQ(text_of(parts.step(step)), text_of(whole.step(step))) << step;
  for (const int loads : parts.epoch(0).empty() ? std::vector<int>{} : blocks.loads) EXPECT_EQ(loads, 1);
}

TEST(Windows, EveryRowOnceAnEpochFromBoundedMemory) {
  const std::vector<Row> rows = many_rows(400, 60);
  int64_t tokens = 0;
  for (const Row& row : rows) tokens += int64_t(row.tokens.size());
  for (const bool packing : {true, false})
    for (const PackingMethod method : {PackingMethod::best_fit, PackingMethod::sequential}) {
      SCOPED_TRACE(packing);
      BatchOptions options{.max_length = 70, .packing = packing, .seed = 3, .micro_batch_size = 2, .accumulation = 2};
      options.window_tokens = tokens / 5, options.packing_method = method;
      const CountedBlocks blocks(rows, 23);
      const Batches batches(blocks, options);
      const int64_t steps = batches.steps_of(2);
      std::vector<std::string> texts;
      std::vector<int64_t> order;
      blocks.loads.assign(blocks.loads.size(), 0);
      for (int64_t step = 0; step < steps; ++step) {
        const std::vector<Batch> made = batches.step(step);
        texts.push_back(text_of(made));
        for (const Batch& batch : made) order.insert(order.end(), batch.rows.begin(), batch.rows.end());
      }
      for (const int loads : blocks.loads) EXPECT_LE(loads, 3);  // twice, and where a step lies in two windows
      ASSERT_EQ(order.size(), 2 * rows.size());
      for (const auto begin : {order.begin(), order.begin() + int64_t(rows.size())}) {
        std::vector<int64_t> epoch(begin, begin + int64_t(rows.size()));
        std::set<int64_t> first_blocks;  // a window's rows come from few blocks …
        for (size_t i = 0; i < 20; ++i) first_blocks.insert(epoch[i] / 23);
        EXPECT_LE(first_blocks.size(), 5u);
        EXPECT_GE(first_blocks.size(), 2u);  // … mixed
        std::ranges::sort(epoch);
        for (size_t i = 0; i < epoch.size(); ++i) ASSERT_EQ(epoch[i], int64_t(i));
      }
      EXPECT_FALSE(
          std::equal(order.begin(), order.begin() + int64_t(rows.size()), order.begin() + int64_t(rows.size())));
      const Batches again(blocks, options);  // in any order the same
      for (int64_t step = steps - 1; step >= 0; step -= 7) ASSERT_EQ(text_of(again.step(step)), texts[size_t(step)]);
    }
}

TEST(Windows, WithoutShufflingTheOrderIsTheFiles) {
  const std::vector<Row> rows = many_rows(100, 30);
  BatchOptions options{.max_length = 30, .packing = true, .shuffle = false};
  options.window_tokens = 300, options.packing_method = PackingMethod::sequential;
  const CountedBlocks blocks(rows, 9);
  const Batches batches(blocks, options);
  std::vector<int64_t> order;
  for (const auto& packed : batches.epoch(1)) order.insert(order.end(), packed.begin(), packed.end());
  for (size_t i = 0; i < rows.size(); ++i) ASSERT_EQ(order[i], int64_t(i));
}

TEST(Packing, InOrderByHand) {
  const auto packed = pack_in_order({{0, 3}, {1, 4}, {2, 1}, {3, 4}, {4, 2}, {5, 2}, {6, 1}}, 5);
  EXPECT_EQ(packed, (std::vector<std::vector<int64_t>>{{0}, {1, 2}, {3}, {4, 5, 6}}));
  EXPECT_THROW(pack_in_order({{0, 6}}, 5), Error);
}

TEST(Prefetcher, GivesTheSameBatches) {
  const std::vector<Row> rows = many_rows(200, 50);
  const Batches batches(rows, {.max_length = 60, .seed = 2, .accumulation = 2});
  for (const size_t bytes : {size_t(1), size_t(1) << 20}) {
    Prefetcher ahead(batches, {.last = 100, .bytes = bytes, .steps = 4});
    for (const int64_t step : {0, 1, 2, 3, 3, 40, 41, 7, 8, 98, 99, 100, 101, 5})
      ASSERT_EQ(text_of(ahead.step(step)), text_of(batches.step(step))) << step;
  }
}

TEST(Prefetcher, StopsWhereItsRoomEnds) {
  const std::vector<Row> rows = many_rows(400, 50);
  const CountedBlocks blocks(rows, 10);
  BatchOptions options{.max_length = 60, .shuffle = false};
  options.window_tokens = 1;  // a block a window
  const Batches batches(blocks, options);
  Prefetcher ahead(batches, {.steps = 3});
  ahead.step(0);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const int64_t loads = std::accumulate(blocks.loads.begin(), blocks.loads.end(), int64_t(0));
  EXPECT_GE(loads, 1);
  EXPECT_LE(loads, 3);  // of 40: five steps at most were made
}

// Started, it reads without being asked for a step; the steps are the same, wherever it was started.
TEST(Prefetcher, StartsBeforeItIsAsked) {
  const std::vector<Row> rows = many_rows(400, 50);
  const Batches batches(rows, {.max_length = 60, .seed = 2});
  for (const int64_t first : {0, 7}) {
    Prefetcher ahead(batches, {.last = 12});
    EXPECT_EQ(ahead.waiting(), 0u);
    ahead.start(first);
    for (int i = 0; i < 10'000 && ahead.waiting() < 4; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ahead.start(first);  // nothing is thrown away
    EXPECT_GE(ahead.waiting(), 4u);
    for (const int64_t step : {first, first + 1, int64_t(3), int64_t(11), int64_t(12)})
      ASSERT_EQ(text_of(ahead.step(step)), text_of(batches.step(step))) << step;
  }
}

TEST(Prefetcher, AnErrorComesWithItsStep) {
  class Failing : public RowsInMemory {
   public:
    using RowsInMemory::RowsInMemory;
    int64_t blocks() const override { return 2; }
    int64_t first_row(int64_t block) const override { return block == 0 ? 0 : block == 1 ? 10 : 20; }
    std::shared_ptr<const RowBlock> load(int64_t block) const override {
      require(block == 0, ExitCode::input, "block 1 is damaged");
      return RowsInMemory::load(0);
    }
  };
  const std::vector<Row> rows = many_rows(20, 5);
  const Failing blocks(rows);
  BatchOptions options{.max_length = 5, .packing = false, .shuffle = false};
  options.window_tokens = 1;
  const Batches batches(blocks, options);
  Prefetcher ahead(batches);
  for (int64_t step = 0; step < 10; ++step) EXPECT_EQ(ahead.step(step).size(), 1u);
  for (int i = 0; i < 2; ++i) {
    try {
      ahead.step(10);
      ADD_FAILURE() << "expected an error";
    } catch (const Error& error) {
      EXPECT_STREQ(error.what(), "block 1 is damaged");
      EXPECT_EQ(error.code(), ExitCode::input);
    }
  }
}

}  // namespace
}  // namespace hone::data
