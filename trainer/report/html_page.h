// What hone's pages have in common: one file that opens offline, light or dark, and prints. No script, nothing fetched
// (a content security policy says so).
//   write_text("page.html", html_page("support", html_section("Curves", curves)));
#pragma once
#include <string>
#include <string_view>

namespace hone::trainer {

// The whole page. `title` is text; `body` is HTML, of which every string of others has passed escaped(); `more_style`
// is CSS behind the common one.
std::string html_page(const std::string& title, const std::string& body, std::string_view more_style = {});
// A card with a heading; nothing where it would be empty.
std::string html_section(const std::string& title, const std::string& html);

}  // namespace hone::trainer
