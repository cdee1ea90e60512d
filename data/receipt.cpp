#include "data/receipt.h"

#include <array>
#include <cstdio>
#include <unordered_set>

#include "kernels/host/text.h"

namespace hone::data {

namespace {
constexpr std::string_view kGap = "   ";

std::string tokens_text(int64_t count) {
  if (count < 1'000'000) return with_commas(count);
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%lld.%02lld M", static_cast<long long>(count / 1'000'000),
                static_cast<long long>(count % 1'000'000 / 10'000));
  return text.data();
}

std::string percent(double share) {
  const int64_t tenths = int64_t(share * 1000 + 0.5);
  return joined(tenths / 10, ".", tenths % 10, " %");
}

// "lines 88, 1204, …"; with several files "a.jsonl:88, b.jsonl:3, …".
std::string places_text(const Places& places, const std::vector<DataFile>& files) {
  std::string text = files.size() > 1 ? "" : places.count == 1 ? "line " : "lines ";
  for (const Place& place : places.first) {
    if (&place != &places.first.front()) text += ", ";
    if (files.size() > 1) text += files[size_t(place.file)].path.filename().string() + ":";
    text += std::to_string(place.line);
  }
  return places.count > int64_t(places.first.size()) ? text + ", …" : text;
}

OrderedJson places_json(const Places& places) {
  OrderedJson first = OrderedJson::array();
  for (const Place& place : places.first) first.push_back({{"file", place.file}, {"line", place.line}});
  return {{"count", places.count}, {"first", first}};
}

// "without an answer" where every row has one, else the general words.
std::string_view unlearned_words(const std::vector<DataFile>& files) {
  for (const DataFile& file : files)
    if (const Form form = kind(file.kind).form; form != Form::chat && form != Form::answered)
      return form == Form::pair ? "without a difference or an answer" : "without a learned token";
  return "without an answer";
}
}  // namespace

void RowCounts::add(const Row& row) {
  (row.copy == 0 ? rows : copies) += row.piece == 0;
  tokens += int64_t(row.tokens.size()), learned += row.learned(), answers += row.answers, ends += row.ends;
}

Receipt::Receipt(const Dataset& train, const Dataset* evaluation_data, const std::optional<Packed>& how, bool split)
    : files(train.files()), reading(train.reading()), packed(how) {
  std::unordered_set<uint64_t> seen;
  RowCounts counts;
  for (const Row& row : train.rows()) {
    counts.add(row);
    if (row.piece == 0 && row.copy == 0) duplicates += !seen.insert(row.content).second;
  }
  used = counts.rows, repeated = counts.copies, tokens = counts.tokens, learned = counts.learned,
  answers = counts.answers, ends = counts.ends;
  if (!evaluation_data) return;
  RowCounts held;
  int64_t shared = 0;
  for (const Row& row : evaluation_data->rows()) {
    held.add(row);
    if (row.piece == 0) shared += int64_t(seen.count(row.content));
  }
  evaluation = EvaluationCounts{held.rows, held.tokens, held.learned, shared};
  if (split) held_out = held.rows;
}

std::string Receipt::text() const {
  std::string rows = joined("rows     ", with_commas(reading.read), " read", kGap, with_commas(used), " used");
  if (held_out > 0) rows += joined(kGap, with_commas(held_out), " held out for evaluation");
  if (reading.bad.count > 0)
    rows += joined(kGap, with_commas(reading.bad.count), " broken (dropped: ", places_text(reading.bad, files), ")");
  if (reading.too_long.count > 0)
    rows += joined(kGap, with_commas(reading.too_long.count),
                   " too long (dropped: ", places_text(reading.too_long, files), ")");
  if (reading.unlearned.count > 0)
    rows += joined(kGap, with_commas(reading.unlearned.count), " ", unlearned_words(files),
                   " (dropped: ", places_text(reading.unlearned, files), ")");
  if (reading.cut.count > 0)
    rows += joined(kGap, with_commas(reading.cut.count), " split into pieces (", places_text(reading.cut, files), ")");
  if (reading.shortened.count > 0)
    rows +=
        joined(kGap, with_commas(reading.shortened.count), " truncated (", places_text(reading.shortened, files), ")");
  if (reading.left_out > 0) rows += joined(kGap, with_commas(reading.left_out), " left out by weight");
  if (repeated > 0) rows += joined(kGap, with_commas(repeated), " repeated by weight");
  if (reading.pairs > 0)
    rows += joined(kGap, with_commas(reading.pairs), " preference pairs (read and checked; not trained on yet)");
  std::string all = rows + "\n";
  all += joined("tokens   ", tokens_text(tokens), kGap, "learned ", tokens_text(learned), kGap, "read only ",
                tokens_text(tokens - learned), kGap, "truncated ", tokens_text(reading.truncated),
                reading.dropped > 0 ? joined(kGap, "too long ", tokens_text(reading.dropped)) : "", "\n");
  if (evaluation)
    all += joined("evaluate ", with_commas(evaluation->rows), " rows", kGap, tokens_text(evaluation->tokens), " tokens",
                  kGap, tokens_text(evaluation->learned), " predicted\n");
  if (packed)
    all += joined("packing  ", with_commas(packed->rows), " rows of ", with_commas(packed->max_length), ", padding ",
                  percent(packed->padding), "\n");
  std::string looks = "looks    ";
  if (answers == 0) {
    looks += "ok";
  } else if (ends == answers) {
    looks += "ok: end tokens learned in every answer";
  } else {
    looks += joined("look here: ", with_commas(answers - ends), " of ", with_commas(answers),
                    " answers without a learned end token");
  }
  looks += joined(kGap, with_commas(duplicates), duplicates == 1 ? " exact duplicate" : " exact duplicates");
  if (evaluation) looks += joined(kGap, with_commas(evaluation->shared), " rows shared by train and evaluation");
  return all + looks + "\n";
}

OrderedJson Receipt::json() const {
  OrderedJson json;
  json["files"] = OrderedJson::array();
  for (const DataFile& file : files)
    json["files"].push_back({{"path", file.path.string()}, {"type", kind(file.kind).name}});
  json["rows"] = {{"read", reading.read},
                  {"used", used},
                  {"held_out", held_out},
                  {"bad", places_json(reading.bad)},
                  {"too_long", places_json(reading.too_long)},
                  {"unlearned", places_json(reading.unlearned)},
                  {"cut", reading.cut.count},
                  {"cut_first", places_json(reading.cut)["first"]},
                  {"truncated", places_json(reading.shortened)},
                  {"left_out", reading.left_out},
                  {"repeated", repeated},
                  {"preference_pairs", reading.pairs},
                  {"duplicates", duplicates}};
  json["tokens"] = {{"all", tokens},
                    {"learned", learned},
                    {"read_only", tokens - learned},
                    {"truncated", reading.truncated},
                    {"too_long", reading.dropped}};
  json["answers"] = {{"learned", answers}, {"end_token_learned", ends}};
  if (packed)
    json["packing"] = {{"rows", packed->rows}, {"max_length", packed->max_length}, {"padding", packed->padding}};
  if (evaluation)
    json["evaluation"] = {{"rows", evaluation->rows},
                          {"tokens", evaluation->tokens},
                          {"learned", evaluation->learned},
                          {"shared_with_train", evaluation->shared}};
  return json;
}

void Receipt::require_learned() const {
  if (learned > 0) return;
  std::string reasons = joined("nothing to learn: ", with_commas(reading.read), " rows read");
  if (reading.bad.count > 0)
    reasons += joined(", ", with_commas(reading.bad.count), " broken (", places_text(reading.bad, files), ")");
  if (reading.too_long.count > 0)
    reasons += joined(", ", with_commas(reading.too_long.count), " longer than data.max_length (",
                      places_text(reading.too_long, files), ")");
  if (reading.unlearned.count > 0)
    reasons += joined(", ", with_commas(reading.unlearned.count), " ", unlearned_words(files), " (",
                      places_text(reading.unlearned, files), ")");
  if (held_out > 0) reasons += joined(", ", with_commas(held_out), " held out for evaluation");
  fail(ExitCode::input, reasons, ". Check data.train_on, data.max_length and the type of each file");
}

}  // namespace hone::data
