// SPDX-License-Identifier: MIT
#include "tools/lab/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string_view>

namespace stein::tools {
namespace {

constexpr const char* kStyle = R"(
:root{color-scheme:light dark;--paper:#fff;--ink:#1d2127;--faint:#5c6670;--rule:#d9dde2;--shade:#f4f6f8;--link:#0062a0;--bad:#b3261e}
@media (prefers-color-scheme:dark){:root{--paper:#16181c;--ink:#dfe3e8;--faint:#9aa4ae;--rule:#363b42;--shade:#1f2328;--link:#6cb8ee;--bad:#ff8a80}
figure svg .paper{fill:#16181c}figure svg .ink{fill:#dfe3e8}figure svg .rule{stroke:#6b737c}figure svg .grid{stroke:#31363d}
figure svg [stroke="#0072b2"]{stroke:#409fe0}figure svg [fill="#0072b2"]{fill:#409fe0}figure svg .black-stroke{stroke:#f2f2f2}figure svg .black-fill{fill:#f2f2f2}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif}
main{max-width:1180px;margin:0 auto;padding:1.5rem 1.25rem 4rem}
nav{max-width:1180px;margin:0 auto;padding:1rem 1.25rem 0}
a{color:var(--link)}
h1{font-size:1.7rem;line-height:1.25;margin:.5rem 0 1rem}h2{font-size:1.4rem;margin:2.5rem 0 .6rem}h3{font-size:1.1rem;margin:1.8rem 0 .4rem}
article+article{border-top:1px solid var(--rule);margin-top:3rem}
p{max-width:46rem;margin:.6rem 0}
sup,sub{line-height:0;font-size:.75em}
figure{margin:1.4rem 0}figure>div{overflow-x:auto}figure svg{display:block;max-width:100%;height:auto}figure img{display:block;max-width:100%;image-rendering:pixelated}
figcaption,caption{color:var(--faint);font-size:.9rem;max-width:46rem;text-align:left;padding:.4rem 0}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:.9rem;margin:1rem 0}th,td{padding:.25rem .8rem .25rem 0;text-align:left;border-bottom:1px solid var(--rule);vertical-align:top}
th{font-weight:600}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.bad{color:var(--bad);font-weight:600}code{background:var(--shade);padding:.1em .3em;border-radius:3px;font-size:.88em}
footer{color:var(--faint);font-size:.85rem;margin-top:1.5rem}
)";

bool is_entity(std::string_view rest) {  // rest begins with &
  const auto end = rest.find(';');
  if (end == std::string_view::npos || end < 2 || end > 10) return false;
  return std::all_of(rest.begin() + 1, rest.begin() + static_cast<std::ptrdiff_t>(end),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '#'; });
}

bool is_tag(std::string_view rest) {  // rest begins with <
  for (std::string_view tag : {"sup", "sub", "b", "i", "em", "code"})
    for (bool end : {false, true})
      if (rest.starts_with(fmt::format("<{}{}>", end ? "/" : "", tag))) return true;
  return false;
}

std::string cell_text(const Cell& c) { return c.number && c.text.empty() ? num(c.value, 4) : inline_html(c.text); }

constexpr const char* kQuick =
    "A --quick run: its numbers are too small to conclude from; what the text says, a full run shows.";

// Numbers to the right: columns whose every cell is one, or empty.
std::vector<bool> numeric(const std::vector<std::string>& columns, const std::vector<Row>& rows) {
  std::vector<bool> r(columns.size(), !rows.empty());
  const auto fits = [](const Cell& c) { return c.number || c.text.empty() || c.text == "–" || c.text == "0"; };
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) r[i] = r[i] && fits(row[i]);
  return r;
}

std::string table_html(const std::string& caption, const std::vector<std::string>& columns,
                       const std::vector<Row>& rows) {
  const auto right = numeric(columns, rows);
  std::string s = "<div class=\"wide\"><table>";
  if (!caption.empty()) s += "<caption>" + inline_html(caption) + "</caption>";
  s += "\n<tr>";
  for (std::size_t i = 0; i < columns.size(); ++i)
    s += fmt::format("<th{}>{}</th>", right[i] ? " class=\"n\"" : "", inline_html(columns[i]));
  s += "</tr>\n";
  for (const auto& row : rows) {
    s += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i)
      s += fmt::format("<td{}>{}</td>", right[i] ? " class=\"n\"" : "", cell_text(row[i]));
    s += "</tr>\n";
  }
  return s + "</table></div>\n";
}

// Markdown keeps inline HTML; what it would read itself is escaped.
std::string markdown(const std::string& text) {
  std::string r;
  for (char c : inline_html(text)) {
    if (c == '*' || c == '_' || c == '|' || c == '`' || c == '[' || c == ']') r += '\\';
    r += c;
  }
  return r;
}

std::string table_markdown(const std::vector<std::string>& columns, const std::vector<Row>& rows) {
  const auto right = numeric(columns, rows);
  std::string s = "|", line = "|";
  for (std::size_t i = 0; i < columns.size(); ++i) {
    s += " " + markdown(columns[i]) + " |";
    line += right[i] ? "---:|" : "---|";
  }
  s += "\n" + line + "\n";
  for (const auto& row : rows) {
    s += "|";
    for (const auto& c : row) s += " " + (c.number ? cell_text(c) : markdown(c.text)) + " |";
    s += "\n";
  }
  return s;
}

const std::vector<std::string> kCheckColumns{"quantity", "measured", "truth", "allowed difference", ""};
std::vector<Row> check_rows(const Lab& lab) {
  std::vector<Row> rows;
  for (const auto& c : lab.checks())
    rows.push_back({c.what, c.measured, c.truth, c.allowed, c.met() ? "as expected" : "NOT as expected"});
  return rows;
}

std::string head(const std::string& title) {
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
         "content=\"width=device-width, "
         "initial-scale=1\">\n<title>" +
         inline_html(title) + "</title>\n<style>" + kStyle + "</style>\n</head>\n<body>\n";
}

}  // namespace

std::string inline_html(const std::string& text) {
  std::string r;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = std::string_view(text).substr(i);
    if (text[i] == '<' && !is_tag(rest))
      r += "&lt;";
    else if (text[i] == '&' && !is_entity(rest))
      r += "&amp;";
    else
      r += text[i];
  }
  return r;
}

std::string article_html(const std::string& name, const std::string& title, const std::string& command,
                         const Lab& lab) {
  std::string s = fmt::format("<article id=\"{}\">\n<h2>{}</h2>\n", name, inline_html(title));
  if (lab.quick()) s += std::string("<p class=\"bad\">") + kQuick + "</p>\n";
  for (const auto& b : lab.blocks()) switch (b.kind) {
      case Block::Kind::heading:
        s += "<h3>" + inline_html(b.text) + "</h3>\n";
        break;
      case Block::Kind::text:
        s += "<p>" + inline_html(b.text) + "</p>\n";
        break;
      case Block::Kind::table:
        s += table_html(b.text, b.columns, b.rows);
        break;
      case Block::Kind::figure:
        s += "<figure><div>\n" + b.data + "</div><figcaption>" + inline_html(b.text) + "</figcaption></figure>\n";
        break;
      case Block::Kind::image:
        s += "<figure><img alt=\"\" src=\"" + b.data + "\"><figcaption>" + inline_html(b.text) +
             "</figcaption></figure>\n";
        break;
    }
  if (!lab.checks().empty()) {
    std::string checks = table_html("", kCheckColumns, check_rows(lab));
    for (std::size_t at = 0; (at = checks.find("<td>NOT", at)) != std::string::npos; ++at)
      checks.replace(at, 4, "<td class=\"bad\">");
    s += "<h3>Measured beside the truth</h3>\n" + checks;
  }
  s += "<footer>Files in " + name + "/:";
  for (const auto& f : lab.files()) s += " <code>" + f + "</code>";
  return s + "<br>Made by <code>" + inline_html(command) + "</code></footer>\n</article>\n";
}

std::string article_markdown(const std::string& name, const std::string& title, const std::string& command,
                             const Lab& lab) {
  std::string s = "# " + markdown(title) + "\n\n";
  if (lab.quick()) s += std::string(kQuick) + "\n\n";
  for (const auto& b : lab.blocks()) switch (b.kind) {
      case Block::Kind::heading:
        s += "## " + markdown(b.text) + "\n\n";
        break;
      case Block::Kind::text:
        s += markdown(b.text) + "\n\n";
        break;
      case Block::Kind::table:
        s += markdown(b.text) + "\n\n" + table_markdown(b.columns, b.rows) + "\n";
        break;
      case Block::Kind::figure:
      case Block::Kind::image:
        s += fmt::format("![{}]({})\n\n{}\n\n", b.file, b.file, markdown(b.text));
        break;
    }
  if (!lab.checks().empty())
    s += "## Measured beside the truth\n\n" + table_markdown(kCheckColumns, check_rows(lab)) + "\n";
  s += "Files in " + name + "/:";
  for (const auto& f : lab.files()) s += " `" + f + "`";
  return s + "\n\nMade by `" + command + "`\n";
}

std::string page_html(const std::string& title, const std::string& article) {
  return head(title) + "<main>\n" + article + "</main>\n</body>\n</html>\n";
}

std::string article_of_page(const std::string& html) {
  const auto begin = html.find("<article"), end = html.rfind("</article>\n");
  return begin == std::string::npos || end == std::string::npos || end < begin ? ""
                                                                               : html.substr(begin, end + 11 - begin);
}

std::string report_html(const std::string& command, const std::vector<Chapter>& chapters) {
  std::string s = head("The score-matching lab");
  s += "<nav>\n<h1>The score-matching lab</h1>\n<p>Each experiment was run by <code>" + inline_html(command) +
       "</code>; every number in the text was computed by that run.</p>\n<div "
       "class=\"wide\"><table>\n<tr><th>experiment</th><th></th>"
       "<th>run</th><th>measured beside the truth</th></tr>\n";
  for (const auto& c : chapters) {
    const std::string checks = c.checks == 0 ? "" : fmt::format("{} of {} as expected", c.checks - c.missed, c.checks);
    s += fmt::format("<tr><td>{}</td><td>{}</td><td{}>{}</td><td{}>{}</td></tr>\n",
                     c.article.empty() ? c.name : fmt::format("<a href=\"#{0}\">{0}</a>", c.name), inline_html(c.title),
                     c.failed ? " class=\"bad\"" : "", inline_html(c.status), c.missed > 0 ? " class=\"bad\"" : "",
                     checks);
  }
  s += "</table></div>\n</nav>\n<main>\n";
  for (const auto& c : chapters) s += c.article;
  return s + "</main>\n</body>\n</html>\n";
}

}  // namespace stein::tools
