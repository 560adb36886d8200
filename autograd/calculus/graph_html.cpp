// SPDX-License-Identifier: MIT
// A described graph as a page: the description as JSON, and page/ of this folder, which the build has turned into strings.
#include "autograd/calculus/detail/graph_page.h"
#include "autograd/calculus/detail/graph_style.h"
#include "autograd/calculus/graph.h"

namespace stein {

std::string to_html(const GraphInfo& g, const std::string& title) {
  // "</script>" in a name must not end the element, nor "<!--<script>" keep it open; in JSON a < may be written like this.
  std::string data = to_json(g);
  for (std::size_t at = 0; (at = data.find('<', at)) != std::string::npos; at += 6) data.replace(at, 1, "\\u003c");
  const std::string name = title.empty() ? "graph" : detail::escaped(title);
  std::string s =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>" +
      name + "</title>\n<style>\n";
  s += detail::kGraphPageCss;
  s += "</style>\n</head>\n<body data-title=\"" + name + "\">\n<script type=\"application/json\" id=\"graph\">" + data +
       "</script>\n<script>\n";
  s += detail::kGraphPageJs;
  return s + "</script>\n</body>\n</html>\n";
}

}  // namespace stein
