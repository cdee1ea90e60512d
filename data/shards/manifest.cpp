#include "data/shards/manifest.h"

#include <algorithm>

#include "kernels/host/error.h"

namespace hone::data {

namespace {
constexpr int64_t kMost = int64_t(1) << 53;  // what JSON holds exactly
constexpr const char* kName = "manifest.json";

OrderedJson to_json(const FileEntry& file) { return {{"name", file.name}, {"bytes", file.bytes}, {"xxh3", file.hash}}; }
FileEntry file_from(const JsonView& view) {
  FileEntry file{view.text("name"), view.text("xxh3"), uint64_t(view.integer("bytes", 0, kMost))};
  if (file.name.empty() || file.name.find('/') != std::string::npos || file.name.starts_with('.'))
    view.at("name").wrong("the name of a file in this folder");
  return file;
}

OrderedJson to_json(const ShardSet& set) {
  OrderedJson json;
  const RowCounts& c = set.counts;
  json["counts"] = {{"rows", c.rows},       {"copies", c.copies},   {"tokens", c.tokens},
                    {"learned", c.learned}, {"answers", c.answers}, {"ends", c.ends}};
  if (set.lengths) json["lengths"] = to_json(*set.lengths);
  json["shards"] = OrderedJson::array();
  for (const ShardEntry& shard : set.shards) {
    OrderedJson entry = to_json(shard.file);
    entry["content"] = shard.content, entry["rows"] = shard.rows, entry["tokens"] = shard.tokens;
    json["shards"].push_back(std::move(entry));
  }
  return json;
}
ShardSet set_from(const JsonView& view) {
  ShardSet set;
  const JsonView counts = view.at("counts");
  const auto count = [&](const char* key) { return counts.integer(key, 0, kMost); };
  set.counts = {count("rows"), count("copies"), count("tokens"), count("learned"), count("answers"), count("ends")};
  if (const auto lengths = view.find("lengths")) set.lengths = file_from(*lengths);
  for (const JsonView& entry : view.at("shards").items())
    set.shards.push_back({file_from(entry), entry.text("content"), entry.integer("rows", 1, UINT32_MAX),
                          entry.integer("tokens", 1, kMost)});
  return set;
}

OrderedJson to_json(const Places& places) {
  OrderedJson first = OrderedJson::array();
  for (const Place& place : places.first) first.push_back({place.file, place.line});
  return {{"count", places.count}, {"first", first}};
}
Places places_from(const JsonView& view, int64_t files) {
  Places places{view.integer("count", 0, kMost), {}};
  for (const JsonView& place : view.at("first").items()) {
    const std::vector<JsonView> pair = place.items();
    if (pair.size() != 2) view.at("first").wrong("pairs of file and line");
    places.first.push_back({int32_t(pair[0].as_integer(0, files - 1)), pair[1].as_integer(0, kMost)});
  }
  if (places.first.size() != std::min<size_t>(5, size_t(places.count)))
    view.at("first").wrong("as many pairs as are counted, but at most five");
  return places;
}
}  // namespace

int64_t ShardSet::rows() const {
  int64_t rows = 0;
  for (const ShardEntry& shard : shards) rows += shard.rows;
  return rows;
}

void Manifest::write(const fs::path& folder) const {
  OrderedJson json;
  json["format"] = "hone shards 1";
  json["fingerprint"] = fingerprint;
  json["settings"] = settings;
  json["complete"] = complete;
  json["position"] = {{"pass", pass}, {"file", position.file}, {"record", position.record}, {"rows", position.rows}};
  json["reading"] = {{"read", reading.read},
                     {"bad", to_json(reading.bad)},
                     {"too_long", to_json(reading.too_long)},
                     {"unlearned", to_json(reading.unlearned)},
                     {"cut", to_json(reading.cut)},
                     {"shortened", to_json(reading.shortened)},
                     {"dropped", reading.dropped},
                     {"truncated", reading.truncated},
                     {"left_out", reading.left_out},
                     {"pairs", reading.pairs}};
  json["duplicates"] = duplicates, json["shared"] = shared;
  json["train"] = to_json(train), json["evaluation"] = to_json(evaluation);
  write_text(folder / kName, json.dump(1) + "\n");
}

std::optional<Manifest> Manifest::read(const fs::path& folder) {
  const fs::path path = folder / kName;
  if (!fs::exists(path)) return {};
  const Json json = read_json(path);
  const JsonView view(json, path.string());
  if (view.text("format") != "hone shards 1") view.at("format").wrong("\"hone shards 1\"");
  Manifest made;
  made.fingerprint = view.text("fingerprint");
  made.settings = view.at("settings").value();
  made.complete = view.at("complete").as_boolean();
  const JsonView position = view.at("position"), reading = view.at("reading");
  const int64_t files = int64_t(view.at("settings").at("train").at("files").items().size());
  const auto places = [&](const char* key) { return places_from(reading.at(key), files); };
  made.pass = int32_t(position.integer("pass", 0, 1));
  made.position = {int32_t(position.integer("file", 0, INT32_MAX)), position.integer("record", 0, kMost),
                   position.integer("rows", 0, kMost)};
  made.reading = {reading.integer("read", 0, kMost),
                  places("bad"),
                  places("too_long"),
                  places("unlearned"),
                  places("cut"),
                  places("shortened"),
                  reading.integer("dropped", 0, kMost),
                  reading.integer("truncated", 0, kMost),
                  reading.integer("left_out", 0, kMost),
                  reading.integer("pairs", 0, kMost)};
  made.duplicates = view.integer("duplicates", 0, kMost), made.shared = view.integer("shared", 0, kMost);
  made.train = set_from(view.at("train")), made.evaluation = set_from(view.at("evaluation"));
  if (made.complete && !made.train.shards.empty()) view.at("train").at("lengths");
  return made;
}

}  // namespace hone::data
