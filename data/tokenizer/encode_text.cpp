#include <algorithm>

#include "data/tokenizer/parts.h"
#include "kernels/host/error.h"
#include "kernels/host/text.h"

namespace hone::data {

namespace {
// The places in [begin, end), counted from begin; `next` is the first of them and then the first after them.
std::vector<uint32_t> places_in(std::span<const uint32_t> places, size_t& next, Range range) {
  std::vector<uint32_t> inside;
  for (; next < places.size() && places[next] < range.end; ++next) inside.push_back(places[next] - range.begin);
  return inside;
}

// One call of encode, from the raw text inwards.
class Encoding {
 public:
  Encoding(const TokenizerParts& parts, std::span<const int32_t> controls)
      : parts_(parts), controls_(controls), scratch_(parts.scratches) {}

  void add(std::string_view text, std::span<const Range> plain, std::span<const uint32_t> places) {
    size_t next = 0, next_plain = 0;
    for (const TokenSearch::Part& part : parts_.added->raw().split(text, plain, controls_)) {
      std::vector<uint32_t> inside = places_in(places, next, part.range);
      if (part.token) {
        add_token(*part.token, inside.size());
        continue;
      }
      std::vector<Range> plain_inside;
      for (; next_plain < plain.size() && plain[next_plain].begin < part.range.end; ++next_plain) {
        const Range range{std::max(plain[next_plain].begin, part.range.begin),
                          std::min(plain[next_plain].end, part.range.end)};
        if (range.begin < range.end)
          plain_inside.push_back({range.begin - part.range.begin, range.end - part.range.begin});
        if (plain[next_plain].end > part.range.end) break;  // it goes on in the next part
      }
      add_raw(text.substr(part.range.begin, part.range.end - part.range.begin), part.range.begin == 0, plain_inside,
              inside);
    }
    result_.tokens.resize(places.size(), result_.ids.size());
  }
  MarkedIds take() { return std::move(result_); }

 private:
  void add_token(const AddedToken& token, size_t places) {
    result_.tokens.insert(result_.tokens.end(), places, result_.ids.size());
    result_.ids.push_back(token.id);
  }

  // Text between the tokens that are searched in raw text.
  void add_raw(std::string_view text, bool starts, std::vector<Range> plain, const std::vector<uint32_t>& places) {
    const TokenSearch& search = parts_.added->normalized();
    std::vector<uint32_t> marks = places;
    if (search.empty()) plain.clear();
    for (const Range range : plain) marks.insert(marks.end(), {range.begin, range.end});
    std::sort(marks.begin(), marks.end());
    NormalizedText piece(std::string(text), starts, marks);
    if (parts_.normalizer) parts_.normalizer(piece);
    require(piece.text.size() < UINT32_MAX / 2, ExitCode::input, "[tokenizer] a text grew to ",
            bytes_text(piece.text.size()), " when it was normalised. Split it into shorter rows");
    const auto carried = [&](uint32_t place) {
      return piece.marks[size_t(std::lower_bound(marks.begin(), marks.end(), place) - marks.begin())];
    };
    if (search.empty()) return add_piece(PreTokens(std::move(piece.text), piece.at_start, std::move(piece.marks)));
    for (Range& range : plain) range = {carried(range.begin), carried(range.end)};
    std::vector<uint32_t> inner;
    for (const uint32_t place : places) inner.push_back(carried(place));
    size_t next = 0;
    for (const TokenSearch::Part& part : search.split(piece.text, plain, controls_)) {
      std::vector<uint32_t> inside = places_in(inner, next, part.range);
      if (part.token) {
        add_token(*part.token, inside.size());
      } else {
        add_piece(PreTokens(piece.text.substr(part.range.begin, part.range.end - part.range.begin),
                            piece.at_start && part.range.begin == 0, std::move(inside)));
      }
    }
    result_.tokens.resize(result_.tokens.size() + inner.size() - next, result_.ids.size());  // those at its end
  }

  void add_piece(PreTokens tokens) {
    if (parts_.pre_tokenizer.cut) parts_.pre_tokenizer.cut(tokens);
    const std::span<const Range> pieces = tokens.pieces;
    const std::span<const uint32_t> marks = tokens.marks;
    size_t done = 0, next = 0;
    const auto encode_until = [&](size_t end) {
      if (done < end) parts_.model->encode(tokens.text, pieces.subspan(done, end - done), result_.ids, *scratch_);
      done = end;
    };
    for (size_t i = 0; i < pieces.size() && next < marks.size(); ++i) {
      if (marks[next] >= pieces[i].end) continue;
      encode_until(i);
      for (; next < marks.size() && marks[next] <= pieces[i].begin; ++next)
        result_.tokens.push_back(result_.ids.size());
      const std::vector<uint32_t> inside = places_in(marks, next, pieces[i]);
      if (inside.empty()) continue;
      parts_.model->encode_marked(tokens.piece(i), inside, result_.ids, result_.tokens, *scratch_);
      done = i + 1;
    }
    encode_until(pieces.size());
    result_.tokens.resize(result_.tokens.size() + marks.size() - next, result_.ids.size());
  }

  const TokenizerParts& parts_;
  std::span<const int32_t> controls_;
  Scratches::Loan scratch_;
  MarkedIds result_;
};
}  // namespace

std::unique_ptr<Scratch> Scratches::take() {
  const std::lock_guard lock(mutex_);
  if (free_.empty()) {
    free_.reserve(++made_);  // so that giving back never allocates
    return std::make_unique<Scratch>();
  }
  auto scratch = std::move(free_.back());
  free_.pop_back();
  return scratch;
}

void Scratches::give_back(std::unique_ptr<Scratch> scratch) {
  const std::lock_guard lock(mutex_);
  free_.push_back(std::move(scratch));
}

MarkedIds encode_text(const TokenizerParts& parts, std::string_view text, std::span<const Range> plain,
                      std::span<const uint32_t> places, std::span<const int32_t> controls) {
  Encoding encoding(parts, controls);
  encoding.add(text, plain, places);
  return encoding.take();
}

}  // namespace hone::data
