// SPDX-License-Identifier: MIT
// dot, outer, einsum: in terms of permute, reshape, matmul and sum, whose derivatives they have.
#include <algorithm>
#include <map>

#include "ops/op.h"

namespace stein::host {

// A tensor whose axes have names: letters, or kEllipsis + position from the right for the axes that ... stands for.
struct Named {
  static constexpr int kEllipsis = 1000;
  Tensor t;
  std::vector<int> axes;

  int find(int name) const {
    const auto it = std::find(axes.begin(), axes.end(), name);
    return it == axes.end() ? -1 : static_cast<int>(it - axes.begin());
  }
  bool has(int name) const { return find(name) >= 0; }
  void drop(int position) { axes.erase(axes.begin() + position); }
  std::int64_t size(int name) const { return t.size(find(name)); }
};

class Einsum {
 public:
  Einsum(std::string_view equation, const Tensors& operands) : equation_(equation) {
    std::string text;
    for (char c : equation)
      if (c != ' ') text += c;
    const auto arrow = text.find("->");
    const std::string left = text.substr(0, arrow);
    std::size_t begin = 0;
    std::vector<std::string> terms;
    for (;;) {
      const auto comma = left.find(',', begin);
      terms.push_back(left.substr(begin, comma == std::string::npos ? comma : comma - begin));
      if (comma == std::string::npos) break;
      begin = comma + 1;
    }
    if (terms.size() != operands.size())
      refuse("one operand for each of " + std::to_string(terms.size()) + " terms", std::to_string(operands.size()));
    for (std::size_t k = 0; k < terms.size(); ++k) operands_.push_back(name_axes(terms[k], operands[k]));
    for (const auto& o : operands_) {
      if (o.t.dtype() != operands[0].dtype()) refuse("operands of one dtype", describe(operands));
      for (std::size_t i = 0; i < o.axes.size(); ++i) {
        auto& n = size_.emplace(o.axes[i], 1).first->second;
        const auto here = o.t.size(static_cast<int>(i));
        if (here != n && here != 1 && n != 1)
          refuse("sizes that agree along " + spell(o.axes[i]), std::to_string(n) + " and " + std::to_string(here));
        if (n == 1) n = here;
      }
    }
    if (arrow == std::string::npos)
      implicit_output(left);
    else
      explicit_output(text.substr(arrow + 2));
  }

  Tensor run() {
    for (auto& o : operands_) {
      take_diagonals(o);
      for (int i = static_cast<int>(o.axes.size()) - 1; i >= 0; --i)  // size 1 against more: the same for all
        if (o.t.size(i) == 1 && size_.at(o.axes[static_cast<std::size_t>(i)]) != 1) {
          o.t = squeeze(o.t, i);
          o.drop(i);
        }
    }
    Named r = operands_[0];
    for (std::size_t k = 1; k < operands_.size(); ++k) {
      std::vector<int> later = output_;
      for (std::size_t j = k + 1; j < operands_.size(); ++j)
        later.insert(later.end(), operands_[j].axes.begin(), operands_[j].axes.end());
      r = contract(r, operands_[k], later);
    }
    r = sum_out(r, output_);
    Axes order;
    for (int name : output_) order.push_back(r.find(name));
    return permute(r.t, order);
  }

 private:
  [[noreturn]] void refuse(const std::string& expected, const std::string& got) const {
    fail("einsum", expected + " in \"" + std::string(equation_) + "\"", got);
  }
  static std::string spell(int name) {
    return name < Named::kEllipsis ? std::string("axis ") + static_cast<char>(name) : std::string("an axis of ...");
  }
  static bool contains(const std::vector<int>& list, int name) {
    return std::find(list.begin(), list.end(), name) != list.end();
  }

  // Letters and at most one ellipsis, which stands for `ellipsis` axes.
  std::vector<int> read(const std::string& term, int ellipsis) const {
    std::vector<int> names;
    bool seen = false;
    for (std::size_t i = 0; i < term.size(); ++i) {
      const char c = term[i];
      if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
        names.push_back(c);
      } else if (term.compare(i, 3, "...") == 0 && !seen) {
        for (int e = ellipsis - 1; e >= 0; --e) names.push_back(Named::kEllipsis + e);
        seen = true;
        i += 2;
      } else {
        refuse("letters, one ..., commas and one ->", '"' + term + '"');
      }
    }
    return names;
  }

  Named name_axes(const std::string& term, const Tensor& t) {
    const int letters = static_cast<int>(read(term, 0).size());
    const bool open = term.find("...") != std::string::npos;
    if (open ? letters > t.rank() : letters != t.rank())
      refuse("a name for every axis", '"' + term + "\" for " + describe(t));
    ellipsis_ = std::max(ellipsis_, t.rank() - letters);
    return {t, read(term, t.rank() - letters)};
  }

  void implicit_output(const std::string& left) {
    if (left.find("...") != std::string::npos) output_ = read("...", ellipsis_);
    for (int c = 'A'; c <= 'z'; ++c)
      if (std::count(left.begin(), left.end(), static_cast<char>(c)) == 1) output_.push_back(c);
  }
  void explicit_output(const std::string& right) {
    output_ = read(right, ellipsis_);
    for (std::size_t i = 0; i < output_.size(); ++i) {
      if (!size_.count(output_[i])) refuse("an output of axes that operands have", spell(output_[i]));
      if (std::find(output_.begin(), output_.begin() + static_cast<std::ptrdiff_t>(i), output_[i]) !=
          output_.begin() + static_cast<std::ptrdiff_t>(i))
        refuse("each axis once in the output", spell(output_[i]) + " twice");
    }
  }

  void take_diagonals(Named& o) const {
    for (std::size_t i = 0; i < o.axes.size(); ++i)
      for (std::size_t j = i + 1; j < o.axes.size(); ++j) {
        if (o.axes[i] != o.axes[j]) continue;
        const int name = o.axes[i], p = static_cast<int>(i), q = static_cast<int>(j);
        if (o.t.size(p) != o.t.size(q)) refuse("a square diagonal along " + spell(name), describe(o.t));
        Axes order;
        for (int a = 0; a < o.t.rank(); ++a)
          if (a != p && a != q) order.push_back(a);
        order.push_back(p);
        order.push_back(q);
        o.t = diagonal(permute(o.t, order));
        o.drop(q);
        o.drop(p);
        o.axes.push_back(name);
        return take_diagonals(o);
      }
  }

  static Named sum_out(Named o, const std::vector<int>& keep) {
    Axes gone;
    for (int i = static_cast<int>(o.axes.size()) - 1; i >= 0; --i)
      if (!contains(keep, o.axes[static_cast<std::size_t>(i)])) {
        gone.push_back(i);
        o.drop(i);
      }
    if (!gone.empty()) o.t = stein::sum(o.t, gone);
    return o;
  }

  // (batch, a's own) x (batch, b's own): summed over what both have and nobody needs later.
  static Named contract(Named a, Named b, const std::vector<int>& later) {
    std::vector<int> keep_a = later, keep_b = later;
    keep_a.insert(keep_a.end(), b.axes.begin(), b.axes.end());
    keep_b.insert(keep_b.end(), a.axes.begin(), a.axes.end());
    a = sum_out(a, keep_a);
    b = sum_out(b, keep_b);
    std::vector<int> batch, summed, own_a, own_b;
    for (int name : a.axes) (!b.has(name) ? own_a : contains(later, name) ? batch : summed).push_back(name);
    for (int name : b.axes)
      if (!a.has(name)) own_b.push_back(name);
    const auto sizes = [](const Named& o, const std::vector<int>& names) {
      Shape s;
      for (int name : names) s.push_back(o.size(name));
      return s;
    };
    const auto ordered = [](const Named& o, std::initializer_list<const std::vector<int>*> lists) {
      Axes order;
      for (const auto* names : lists)
        for (int name : *names) order.push_back(o.find(name));
      return permute(o.t, order);
    };
    const Shape sb = sizes(a, batch), sa = sizes(a, own_a), sn = sizes(b, own_b);
    const auto m = numel(sa), n = numel(sn), k = numel(sizes(a, summed));
    Named r;
    if (summed.empty())
      r.t = reshape(ordered(a, {&batch, &own_a}), sb + Shape{m, 1}) *
            reshape(ordered(b, {&batch, &own_b}), sb + Shape{1, n});
    else
      r.t = matmul(reshape(ordered(a, {&batch, &own_a, &summed}), sb + Shape{m, k}),
                   reshape(ordered(b, {&batch, &summed, &own_b}), sb + Shape{k, n}));
    r.t = reshape(r.t, sb + sa + sn);
    r.axes = batch;
    r.axes.insert(r.axes.end(), own_a.begin(), own_a.end());
    r.axes.insert(r.axes.end(), own_b.begin(), own_b.end());
    return r;
  }

  std::string_view equation_;
  std::vector<Named> operands_;
  std::vector<int> output_;
  std::map<int, std::int64_t> size_;
  int ellipsis_ = 0;
};

}  // namespace stein::host

namespace stein {

Tensor dot(const Tensor& a, const Tensor& b) {
  if (a.rank() != 1 || a.shape() != b.shape() || a.dtype() != b.dtype())
    fail("dot", "two vectors of one length and dtype", describe(a) + " and " + describe(b));
  return matmul(a, b);
}

Tensor outer(const Tensor& a, const Tensor& b) {
  if (a.rank() != 1 || b.rank() != 1 || a.dtype() != b.dtype())
    fail("outer", "two vectors of one dtype", describe(a) + " and " + describe(b));
  return unsqueeze(a, 1) * b;
}

Tensor einsum(std::string_view equation, const Tensors& operands) {
  if (operands.empty()) fail("einsum", "at least one operand", "none");
  return host::Einsum(equation, operands).run();
}

void register_einsum(OpRegistry& r) {
  r.add({"dot",
         "sum a b",
         Kind::bilinear,
         {{"5",
           {{{5}}, {{5}}},
           [](const Tensors& in) { return Tensors{dot(in[0], in[1])}; },
           [](const Tensors& in) { return Tensors{sum(in[0] * in[1])}; }},
          {"0", {{{0}}, {{0}}}, [](const Tensors& in) { return Tensors{dot(in[0], in[1])}; }}}});
  r.add({"outer",
         "a_i b_j",
         Kind::bilinear,
         {{"3 by 2",
           {{{3}}, {{2}}},
           [](const Tensors& in) { return Tensors{outer(in[0], in[1])}; },
           [](const Tensors& in) { return Tensors{matmul(unsqueeze(in[0], 1), unsqueeze(in[1], 0))}; }},
          {"2 by 0", {{{2}}, {{0}}}, [](const Tensors& in) { return Tensors{outer(in[0], in[1])}; }}}});
  const auto sample = [](const char* equation, std::vector<InputSpec> in, OpCall reference) {
    return Sample{equation, std::move(in), [equation](const Tensors& xs) { return Tensors{einsum(equation, xs)}; },
                  std::move(reference)};
  };
  r.add({"einsum",
         "sums of products by named axes",
         Kind::general,
         {sample("bij,bjk->bik", {{{2, 3, 4}}, {{2, 4, 2}}},
                 [](const Tensors& x) { return Tensors{matmul(x[0], x[1])}; }),
          sample("ij,kj->ik", {{{3, 4}}, {{2, 4}}},
                 [](const Tensors& x) { return Tensors{sum(unsqueeze(x[0], 1) * unsqueeze(x[1], 0), {2})}; }),
          sample("bi,bij,bj->b", {{{2, 3}}, {{2, 3, 2}}, {{2, 2}}},
                 [](const Tensors& x) {
                   return Tensors{sum(unsqueeze(x[0], 2) * x[1] * unsqueeze(x[2], 1), {1, 2})};
                 }),
          sample("ii->i", {{{3, 3}}}, [](const Tensors& x) { return Tensors{diagonal(x[0])}; }),
          sample("ii", {{{3, 3}}}, [](const Tensors& x) { return Tensors{sum(diagonal(x[0]))}; }),
          sample("ji", {{{2, 3}}}, [](const Tensors& x) { return Tensors{transpose(x[0])}; }),
          sample("i,j->ij", {{{3}}, {{2}}},
                 [](const Tensors& x) { return Tensors{unsqueeze(x[0], 1) * unsqueeze(x[1], 0)}; }),
          sample("...ij,...jk->...ik", {{{2, 1, 2, 3}}, {{4, 3, 2}}},
                 [](const Tensors& x) { return Tensors{matmul(x[0], x[1])}; }),
          sample("i...,i->...", {{{3, 2, 2}}, {{3}}},
                 [](const Tensors& x) {
                   return Tensors{sum(x[0] * reshape(x[1], {3, 1, 1}), {0})};
                 }),
          sample("ab,bc", {{{2, 0}}, {{0, 3}}},
                 [](const Tensors&) {
                   return Tensors{zeros({2, 3}, f64)};
                 }),
          sample(",i->i", {{Shape{}}, {{3}}}, [](const Tensors& x) { return Tensors{x[0] * x[1]}; })}});
}

}  // namespace stein
