#include "trainer/report/html_page.h"

#include "trainer/report/chart.h"

namespace hone::trainer {

namespace {
constexpr std::string_view kStyle = R"(
:root { color-scheme: light dark;
  --page: #f7f7f5; --card: #ffffff; --ink: #1c1c1a; --soft: #5c5b57; --faint: #8a8984; --rule: #e3e2dd; --grid: #ecebe7;
  --first: #2a6fd0; --second: #d9622b; --good: #1c7c34; --look: #9a6700; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root {
  --page: #161615; --card: #1f1f1d; --ink: #f0efea; --soft: #b5b4ae; --faint: #85847e; --rule: #353430; --grid: #2b2a27;
  --first: #5b9bf0; --second: #ef8a58; --good: #5cc97a; --look: #dcae3c; --bad: #f0776c; } }
@media print { :root { --page: #fff; --card: #fff; --ink: #000; --soft: #333; --faint: #666; --rule: #bbb; --grid: #ddd;
  --first: #1f5fbf; --second: #c04f1a; --good: #146c2b; --look: #7a5200; --bad: #9c1c12; }
  main { max-width: none; padding: 0; } section, figure, tr { break-inside: avoid; } section { box-shadow: none; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 24px; margin: 0 0 2px; overflow-wrap: anywhere; } h2 { font-size: 16px; margin: 0 0 12px; }
.lead { color: var(--soft); margin: 0 0 20px; }
.good { color: var(--good); } .look { color: var(--look); } .bad { color: var(--bad); }
section { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 18px 20px; margin: 0 0 16px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 14px 24px; }
.tile span { display: block; color: var(--soft); font-size: 13px; } .tile b { font-size: 20px; font-weight: 600; }
.tile small { display: block; color: var(--faint); font-size: 13px; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 18px 24px; }
figure { margin: 0; } figcaption { font-weight: 600; font-size: 14px; margin-bottom: 4px; } small { font-weight: 400; color: var(--faint); }
svg { display: block; width: 100%; height: auto; overflow: visible; font-size: 11px; }
svg text { fill: var(--faint); } svg .y { text-anchor: end; } svg .x { text-anchor: middle; }
.grid { stroke: var(--grid); } .plan { stroke: var(--soft); stroke-dasharray: 5 4; }
.line { fill: none; stroke-width: 1.8; stroke-linejoin: round; stroke-linecap: round; } .band { opacity: .16; }
.line.s0 { stroke: var(--first); } .line.s1 { stroke: var(--second); } .band.s0, .dot.s0 { fill: var(--first); } .band.s1, .dot.s1 { fill: var(--second); }
.dot { stroke: var(--card); stroke-width: 1.5; }
.key { font-weight: 400; color: var(--soft); font-size: 13px; margin-left: 14px; }
.key::before { content: ""; display: inline-block; width: 14px; margin-right: 6px; vertical-align: 4px; border-top: 2.5px solid; }
.k0::before { color: var(--first); } .k1::before { color: var(--second); } .kp::before { color: var(--soft); border-top-style: dashed; }
.at rect { fill: transparent; } .at line { stroke: var(--faint); } .at text { text-anchor: end; fill: var(--ink); white-space: pre; }
.at line, .at circle, .at text { visibility: hidden; pointer-events: none; }
.at:hover line, .at:hover circle, .at:hover text { visibility: visible; }
table { border-collapse: collapse; width: 100%; font-size: 14px; } td, th { text-align: left; vertical-align: top; padding: 6px 14px 6px 0; border-top: 1px solid var(--rule); overflow-wrap: anywhere; }
tr:first-child > * { border-top: 0; } th { color: var(--soft); font-weight: 500; white-space: nowrap; } td.n { font-variant-numeric: tabular-nums; }
thead th { border-bottom: 1px solid var(--rule); } code, pre { font: 12.5px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; } pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.sample { white-space: pre-wrap; } .note { color: var(--soft); font-size: 14px; margin: 12px 0 0; }
)";
}  // namespace

std::string html_page(const std::string& title, const std::string& body, std::string_view more_style) {
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
         "img-src "
         "data:\"/>\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
         "<meta name=\"referrer\" content=\"no-referrer\"/>\n<title>" +
         escaped(title) + " · hone</title>\n<style>" + std::string(kStyle) + std::string(more_style) +
         "</style>\n</head>\n<body>\n<main>\n" + body + "</main>\n</body>\n</html>\n";
}

std::string html_section(const std::string& title, const std::string& html) {
  return html.empty() ? "" : "<section>\n<h2>" + escaped(title) + "</h2>\n" + html + "</section>\n";
}

}  // namespace hone::trainer
