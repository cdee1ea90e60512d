#include "trainer/report/row_view.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "kernels/host/text.h"
#include "trainer/report/cells.h"

namespace hone::trainer {

namespace {
constexpr const char *kGrey = "\x1b[90m", *kGreen = "\x1b[32m", *kReverse = "\x1b[7m", *kEnd = "\x1b[0m";
constexpr int kGutter = 2;

enum class Look { read, learned, read_special, learned_special, mark };

struct Glyph {
  std::string text;
  int width = 1;
  Look look = Look::read;
  bool ends_line = false;
};

bool learns(Look look) { return look == Look::learned || look == Look::learned_special; }

// Characters that would move the cursor or turn the text around it, as a sign.
std::string shown(char32_t point, const std::string& character, bool utf8) {
  const bool control = point < 0x20 || point == 0x7F || (point >= 0x80 && point < 0xA0);
  const bool turns = (point >= 0x202A && point <= 0x202E) || (point >= 0x2066 && point <= 0x2069) || point == 0x200B ||
                     point == 0x2028 || point == 0x2029 || point == 0xFEFF;
  if (!control && !turns) return character;
  if (utf8 && point < 0x20) {
    std::string sign;
    append_utf8(sign, 0x2400 + point);
    return sign;
  }
  std::array<char, 16> code{};
  std::snprintf(code.data(), code.size(), "<U+%04X>", unsigned(point));
  return code.data();
}

class View {
 public:
  View(const DisplayStyle& style, int most) : style_(style), most_(std::max(most, 5)) {}

  std::string text(const std::vector<data::RowSpan>& spans) {
    bool learned = false;
    for (const data::RowSpan& span : spans) {
      if (!style_.colour && span.learned != learned) mark(span.learned ? "⟦" : "⟧", span.learned ? "[[" : "]]");
      learned = span.learned;
      add(span);
    }
    if (!style_.colour && learned) mark("⟧", "]]");
    dot_spaces();
    return lines();
  }

 private:
  void mark(const char* sign, const char* ascii) {
    glyphs_.push_back({style_.utf8 ? sign : ascii, style_.utf8 ? 1 : 2, Look::mark});
  }

  void add(const data::RowSpan& span) {
    const Look look = span.special ? (span.learned ? Look::learned_special : Look::read_special)
                                   : (span.learned ? Look::learned : Look::read);
    if (span.special && !style_.colour) mark("«", "{");
    for (const char32_t point : utf32_from(span.text)) {
      std::string character;
      append_utf8(character, point);
      if (point == '\n' && !span.special) {
        glyphs_.push_back({{}, 0, look, true});
      } else if (point == '\t') {
        glyphs_.push_back({"    ", 4, look});
      } else {
        character = shown(point, character, style_.utf8);
        const int width = cells(character);
        if (width == 0 && !glyphs_.empty() && !glyphs_.back().ends_line) {
          glyphs_.back().text += character;  // combining: never apart from its letter
        } else {
          glyphs_.push_back({character, width, look});
        }
      }
    }
    if (span.special && !style_.colour) mark("»", "}");
  }

  // From the end: spaces behind which a line, a special token or the row ends.
  void dot_spaces() {
    bool at_end = true;
    for (size_t i = glyphs_.size(); i-- > 0;) {
      Glyph& glyph = glyphs_[i];
      const bool special = glyph.look == Look::read_special || glyph.look == Look::learned_special;
      if (glyph.ends_line || special || glyph.look == Look::mark) {
        at_end = at_end || glyph.ends_line || special;
      } else if (at_end && glyph.text == " ") {
        glyph.text = style_.utf8 ? "·" : "_";
      } else {
        at_end = false;
      }
    }
  }

  std::string lines() const {
    const int room = std::max(style_.width, 20) - kGutter - 1;
    std::vector<std::string> all;
    for (size_t begin = 0; begin < glyphs_.size();) {
      size_t end = begin, space = 0;
      int width = 0;
      bool broken = false;
      while (end < glyphs_.size() && !glyphs_[end].ends_line) {
        if (width + glyphs_[end].width > room && end > begin) {
          broken = true;
          break;
        }
        width += glyphs_[end].width;
        if (glyphs_[end].text == " ") space = end + 1;
        ++end;
      }
      if (broken && space > begin + size_t(room) / 2) end = space;  // where a word ends, if one does
      all.push_back(line(begin, end));
      begin = end < glyphs_.size() && glyphs_[end].ends_line ? end + 1 : end;
    }
    if (int(all.size()) <= most_) return joined_lines(all, 0, all.size());
    const size_t head = size_t(most_ - 1) * 2 / 3, tail = size_t(most_ - 1) - head, left = all.size() - head - tail;
    const std::string dots = style_.utf8 ? "…" : "...", count = with_commas(int64_t(left));
    std::string between = dots + " " + count + " lines in the middle are not shown " + dots;
    if (int(between.size()) > style_.width) between = dots + " " + count + " lines";
    return joined_lines(all, 0, head) + (style_.colour ? "\x1b[33m" + between + kEnd : between) + "\n" +
           joined_lines(all, all.size() - tail, all.size());
  }
  static std::string joined_lines(const std::vector<std::string>& lines, size_t from, size_t to) {
    std::string text;
    for (size_t i = from; i < to; ++i) text += lines[i] + "\n";
    return text;
  }

  std::string line(size_t begin, size_t end) const {
    const bool last = end < glyphs_.size() && glyphs_[end].ends_line;  // its end belongs to it
    const bool any = std::any_of(glyphs_.begin() + int64_t(begin), glyphs_.begin() + int64_t(end + last),
                                 [](const Glyph& g) { return learns(g.look); });
    std::string out = !any            ? "  "
                      : style_.colour ? std::string(kGreen) + (style_.utf8 ? "┃ " : "| ") + kEnd
                      : style_.utf8   ? "┃ "
                                      : "| ";
    for (size_t i = begin; i < end;) {
      const Look look = glyphs_[i].look;
      std::string run;
      for (; i < end && glyphs_[i].look == look; ++i) run += glyphs_[i].text;
      if (!style_.colour || look == Look::mark) {
        out += run;
      } else {
        out += learns(look) ? kGreen : kGrey;
        if (look == Look::read_special || look == Look::learned_special) out += kReverse;
        out += run + kEnd;
      }
    }
    while (out.ends_with(' ')) out.pop_back();
    return out;
  }

  DisplayStyle style_;
  int most_;
  std::vector<Glyph> glyphs_;
};
}  // namespace

std::string row_view(const std::vector<data::RowSpan>& spans, const DisplayStyle& style, int most) {
  return View(style, most).text(spans);
}

std::string row_legend(const DisplayStyle& style) {
  const std::string bar = style.utf8 ? "┃" : "|", dot = style.utf8 ? "·" : "_";
  if (style.colour)
    return std::string(kGrey) + "only read" + kEnd + "   " + kGreen + bar + " learned" + kEnd + "   " + kGrey +
           kReverse + "special token" + kEnd + "   " + dot + " a space at a line's end\n";
  return (style.utf8 ? "┃ ⟦learned⟧   «special token»   · a space at a line's end\n"
                     : "| [[learned]]   {special token}   _ a space at a line's end\n");
}

}  // namespace hone::trainer
