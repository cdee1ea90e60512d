#include "data/shards/shard.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "data/shards/hdf5.h"
#include "kernels/host/error.h"
#include "kernels/host/hash.h"

namespace hone::data {

namespace {
constexpr std::string_view kFormat = "hone shard 1", kLengthsFormat = "hone row lengths 1";
constexpr std::array<Hdf5Member, 7> kFacts{{{"number", offsetof(Shard::Facts, number), Hdf5Type::int64},
                                            {"line", offsetof(Shard::Facts, line), Hdf5Type::int64},
                                            {"content", offsetof(Shard::Facts, content), Hdf5Type::uint64},
                                            {"file", offsetof(Shard::Facts, file), Hdf5Type::int32},
                                            {"piece", offsetof(Shard::Facts, piece), Hdf5Type::int32},
                                            {"answers", offsetof(Shard::Facts, answers), Hdf5Type::int32},
                                            {"ends", offsetof(Shard::Facts, ends), Hdf5Type::int32}}};

bool bit(const std::vector<uint8_t>& bits, size_t i) { return (bits[i >> 3] >> (i & 7) & 1) != 0; }
}  // namespace

void Shard::add(const Row& row) {
  require(!row.tokens.empty() && row.labels.size() == row.tokens.size(), "[shards] a row of ", row.tokens.size(),
          " tokens and ", row.labels.size(), " labels");
  const size_t begin = tokens.size(), count = row.tokens.size();
  bool plain = labels.empty();
  for (size_t i = 0; i < count && plain; ++i) plain = row.labels[i] == kNotLearned || row.labels[i] == row.tokens[i];
  if (!plain && labels.empty()) {
    labels.resize(begin);
    for (size_t i = 0; i < begin; ++i) labels[i] = bit(learned, i) ? tokens[i] : kNotLearned;
    learned.clear();
  }
  tokens.insert(tokens.end(), row.tokens.begin(), row.tokens.end());
  if (plain) {
    learned.resize((begin + count + 7) / 8);
    for (size_t i = 0; i < count; ++i)
      learned[(begin + i) >> 3] |= uint8_t(uint8_t(row.labels[i] != kNotLearned) << ((begin + i) & 7));
  } else {
    labels.insert(labels.end(), row.labels.begin(), row.labels.end());
  }
  starts.push_back(int64_t(tokens.size()));
  facts.push_back({row.number, row.line, row.content, row.file, row.piece, row.answers, row.ends});
}

void Shard::copy(int64_t row, int32_t* into_tokens, int32_t* into_labels) const {
  const auto begin = size_t(starts[size_t(row)]), end = size_t(starts[size_t(row) + 1]);
  std::copy(tokens.begin() + int64_t(begin), tokens.begin() + int64_t(end), into_tokens);
  if (!labels.empty()) {
    std::copy(labels.begin() + int64_t(begin), labels.begin() + int64_t(end), into_labels);
  } else {
    for (size_t i = begin; i < end; ++i) into_labels[i - begin] = bit(learned, i) ? tokens[i] : kNotLearned;
  }
}

Row Shard::row(int64_t index) const {
  const Facts& f = facts[size_t(index)];
  Row row{.number = f.number,
          .line = f.line,
          .file = f.file,
          .piece = f.piece,
          .answers = f.answers,
          .ends = f.ends,
          .content = f.content};
  row.tokens.resize(size_t(length(index))), row.labels.resize(row.tokens.size());
  copy(index, row.tokens.data(), row.labels.data());
  return row;
}

std::string Shard::content() const {
  Xxh3 hash;
  hash.add(std::as_bytes(std::span(starts)));
  hash.add(std::as_bytes(std::span(tokens)));
  hash.add(std::as_bytes(std::span(learned)));
  hash.add(std::as_bytes(std::span(labels)));
  return hash.hex();
}

std::vector<std::byte> image_of(const Shard& shard) {
  require(shard.count() > 0, "[shards] a shard without rows");
  Hdf5Writer out(kFormat, shard.tokens.size() * 5 + shard.facts.size() * 48);
  out.column("tokens", std::span(shard.tokens));
  if (shard.labels.empty())
    out.column("learned", std::span(shard.learned));
  else
    out.column("labels", std::span(shard.labels));
  out.column("starts", std::span(shard.starts));
  out.table("rows", kFacts, std::span(shard.facts));
  return out.finish();
}

Shard shard_from(std::span<const std::byte> image, const std::string& where, int64_t vocabulary) {
  Shard shard;
  {
    const Hdf5Reader in(image, where, kFormat);
    const bool has_labels = in.has("labels");
    require(in.count() == 4, ExitCode::input, where,
            ": expected tokens, starts, rows and one of learned and labels, got ", in.count(), " datasets");
    shard.starts = in.column<int64_t>("starts");
    shard.facts = in.table<Shard::Facts>("rows", kFacts);
    shard.tokens = in.column<int32_t>("tokens");
    if (has_labels)
      shard.labels = in.column<int32_t>("labels");
    else
      shard.learned = in.column<uint8_t>("learned");
  }
  const auto wrong = [&](const auto&... parts) { fail(ExitCode::input, where, ": ", parts...); };
  const std::vector<int64_t>& starts = shard.starts;
  const auto all = int64_t(shard.tokens.size());
  if (starts.size() < 2 || all == 0) wrong("holds no rows");
  if (shard.facts.size() + 1 != starts.size())
    wrong("rows: expected ", starts.size() - 1, " by starts, got ", shard.facts.size());
  if (starts.front() != 0 || starts.back() != all)
    wrong("starts: expected 0 to ", all, ", got ", starts.front(), " to ", starts.back());
  for (size_t i = 1; i < starts.size(); ++i)
    if (starts[i] <= starts[i - 1]) wrong("starts: row ", i - 1, " ends before it begins");
  if (!shard.labels.empty() || shard.learned.empty()) {
    if (shard.labels.size() != shard.tokens.size()) wrong("labels: expected ", all, ", got ", shard.labels.size());
  } else if (shard.learned.size() != size_t(all + 7) / 8) {
    wrong("learned: expected ", (all + 7) / 8, " bytes, got ", shard.learned.size());
  }
  const auto row_of = [&](int64_t token) {
    return std::upper_bound(starts.begin(), starts.end(), token) - starts.begin() - 1;
  };
  const int64_t limit = vocabulary > 0 ? vocabulary : int64_t(INT32_MAX) + 1;
  for (int64_t i = 0; i < all; ++i)
    if (const int32_t token = shard.tokens[size_t(i)]; token < 0 || token >= limit)
      wrong("tokens: row ", row_of(i), " holds a token outside of the vocabulary of ", limit);
  for (size_t i = 0; i < shard.labels.size(); ++i)
    if (const int32_t label = shard.labels[i]; label != kNotLearned && (label < 0 || label >= limit))
      wrong("labels: row ", row_of(int64_t(i)), " holds a label outside of the vocabulary of ", limit);
  return shard;
}

std::vector<std::byte> image_of_lengths(std::span<const int32_t> lengths) {
  Hdf5Writer out(kLengthsFormat, lengths.size_bytes());
  out.column("lengths", lengths);
  return out.finish();
}

std::vector<int32_t> lengths_from(std::span<const std::byte> image, const std::string& where) {
  std::vector<int32_t> lengths = Hdf5Reader(image, where, kLengthsFormat).column<int32_t>("lengths");
  for (const int32_t length : lengths) require(length > 0, ExitCode::input, where, ": a row without tokens");
  return lengths;
}

}  // namespace hone::data
