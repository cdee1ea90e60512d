// The report of a check for scripts: keys stay as they are; counts, files and lines, no text.
#include "data/check/check.h"
#include "kernels/host/error.h"

namespace hone::data {

namespace {
OrderedJson place_json(const Place& place) { return {{"file", place.file}, {"line", place.line}}; }

OrderedJson found_json(const Found& found, FindingGroup group) {
  OrderedJson json{{"rows", found.rows}};
  if (group == FindingGroup::secrets || group == FindingGroup::personal) json["strings"] = found.strings;
  OrderedJson& places = json["places"] = OrderedJson::array();
  for (const Spot& spot : found.spots) {
    OrderedJson& place = places.emplace_back(place_json(spot.at));
    if (spot.like.file < 0) continue;
    place["like"] = place_json(spot.like);
    place["similarity"] = spot.similarity;
  }
  return json;
}
}  // namespace

std::string CheckReport::place_text(const Place& place) const {
  const fs::path& path = files[size_t(place.file)].path;
  bool same_name = false;
  for (size_t i = 0; i < files.size(); ++i)
    same_name =
        same_name || (i != size_t(place.file) && files[i].path.filename() == path.filename() && files[i].path != path);
  return joined((same_name ? path : path.filename()).string(), ":", place.line);
}

std::string CheckReport::row_text(const ShownRow& shown) const {
  const Row& row = shown.row;
  const DataFile& file = files[size_t(row.file)];
  const bool whole = is_whole_text(file);
  const int64_t piece = whole ? row.number : row.piece;
  return place_text({row.file, row.line}) + (whole || piece > 0 ? ", piece " + std::to_string(piece + 1) : "") +
         (shown.evaluation ? ", held out for evaluation" : "");
}

OrderedJson CheckReport::json() const {
  OrderedJson json;
  json["files"] = OrderedJson::array();
  for (size_t i = 0; i < files.size(); ++i)
    json["files"].push_back({{"path", files[i].path.string()}, {"evaluation", int64_t(i) >= training_files}});
  json["rows"] = {{"read", read}, {"used", used}, {"held_out", held_out}};
  json["tokens"] = {{"all", tokens}, {"learned", learned}};
  json["answers"] = {{"learned", answers}, {"end_token_learned", ends}};
  json["evaluation"] = {{"rows", evaluation_rows}, {"tokens", evaluation_tokens}};
  OrderedJson& found = json["findings"] = OrderedJson::object();
  for (const FindingAbout& each : all_findings())
    found[std::string(each.key)] = found_json(findings[each.finding], each.group);
  OrderedJson bins = OrderedJson::array();
  for (const LengthBin& bin : lengths.bins(0)) bins.push_back({{"from", bin.from}, {"to", bin.to}, {"rows", bin.rows}});
  json["lengths"] = {{"rows", lengths.rows()},
                     {"tokens", lengths.tokens()},
                     {"median", lengths.at(0.5)},
                     {"p95", lengths.at(0.95)},
                     {"p99", lengths.at(0.99)},
                     {"longest", lengths.longest()},
                     {"bins", bins}};
  json["packing"] = OrderedJson::array();
  for (const PackingOutcome& each : packing)
    json["packing"].push_back({{"max_length", each.max_length},
                               {"rows", each.rows},
                               {"padding", each.padding},
                               {"dropped", each.dropped},
                               {"cut", each.cut}});
  json["text_read"] = read_text;
  json["copies"] = {{"bands", bands}, {"estimated", estimated}};
  json["problem"] = problem.empty() ? OrderedJson(nullptr) : OrderedJson(problem);
  return json;
}

}  // namespace hone::data
