// SPDX-License-Identifier: MIT
// An experiment's page as HTML and as Markdown, and many of them as one report. The HTML is complete in itself: drawings inline,
// pictures as data, no script, nothing fetched.
#pragma once

#include <string>
#include <vector>

#include "tools/lab/lab.h"

namespace stein::tools {

/// Escapes text for HTML, but leaves entities and the tags sup, sub, b, i, em and code.
std::string inline_html(const std::string& text);

/// What an experiment has left, for the report.
struct Chapter {
  std::string name, title;
  std::string article;  // <article>...</article>; empty: none
  std::string status;   // "12.3 s, seed 0", "failed: ..."
  bool failed = false;
  std::size_t checks = 0, missed = 0;
};

/// <article id="name">: title, blocks, checks, files, and the command that made it.
std::string article_html(const std::string& name, const std::string& title, const std::string& command, const Lab& lab);
std::string article_markdown(const std::string& name, const std::string& title, const std::string& command,
                             const Lab& lab);
/// A whole page of one article.
std::string page_html(const std::string& title, const std::string& article);
/// The article of such a page; empty when there is none.
std::string article_of_page(const std::string& html);
/// All chapters behind a table of contents.
std::string report_html(const std::string& command, const std::vector<Chapter>& chapters);

}  // namespace stein::tools
