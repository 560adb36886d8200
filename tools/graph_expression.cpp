// SPDX-License-Identifier: MIT
// Expressions such as tanh(x)*sin(y) + 2^x. A line of text becomes a list of calls in the order of computation, which records a
// graph each time it runs.
#include <algorithm>
#include <cctype>
#include <charconv>
#include <numbers>

#include "ops/ops.h"
#include "ops/registry.h"
#include "tools/graph_subject.h"

namespace stein::tools {
namespace {

struct Function {
  std::size_t arguments = 1;
  OpCall call;
};

// Operators and functions by name. Ops that are not elementwise take their usual attributes.
const std::map<std::string, Function>& functions() {
  static const auto all = [] {
    std::map<std::string, Function> f;
    for (const auto& e : op_registry().entries())
      if (e.kind == Kind::elementwise && !e.name.ends_with("_backward") && !e.samples.empty())
        f[e.name] = {e.samples[0].inputs.size(), e.samples[0].call};
    f["mul"] = {2, [](const Tensors& t) { return Tensors{t[0] * t[1]}; }};
    f["div"] = {2, [](const Tensors& t) { return Tensors{t[0] / t[1]}; }};
    f["pow"] = {2, [](const Tensors& t) { return Tensors{pow(t[0], t[1])}; }};
    f["sum"] = {1, [](const Tensors& t) { return Tensors{sum(t[0])}; }};
    f["mean"] = {1, [](const Tensors& t) { return Tensors{mean(t[0])}; }};
    f["softmax"] = {1, [](const Tensors& t) { return Tensors{softmax(t[0], -1)}; }};
    f["transpose"] = {1, [](const Tensors& t) { return Tensors{transpose(t[0])}; }};
    f["matmul"] = {2, [](const Tensors& t) { return Tensors{matmul(t[0], t[1])}; }};
    return f;
  }();
  return all;
}

struct Operation {
  const Function* function = nullptr;  // takes its arguments from the stack; none: `value` goes onto it
  Tensor value;
};

class Parser {
 public:
  Parser(const std::string& text, const Shapes& shapes, Generator& generator)
      : text_(text), shapes_(shapes), generator_(generator) {
    sum();
    if (at_ < text_.size()) wrong("an operator or the end");
    for (const auto& [name, shape] : shapes)
      if (find(name) == variables.end()) fail("graph", "--shape of a variable of " + text, name);
  }

  std::vector<Operation> operations;
  TensorNames variables;

 private:
  TensorNames::iterator find(const std::string& name) {
    return std::find_if(variables.begin(), variables.end(), [&](const auto& v) { return v.first == name; });
  }
  [[noreturn]] void wrong(const std::string& expected, const std::string& hint = "") const {
    const std::string rest = text_.substr(std::min(at_, text_.size()));
    fail("graph", expected, (rest.empty() ? "the end" : "\"" + rest + "\"") + " in \"" + text_ + "\"", hint);
  }
  char next() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char c) {
    if (next() != c) return false;
    ++at_;
    return true;
  }
  void call(const char* name) { operations.push_back({&functions().at(name), {}}); }

  void sum() {
    constexpr int kDeep = 200;
    if (++sums_ > kDeep + 1) wrong("at most " + std::to_string(kDeep) + " parentheses inside each other");
    product();
    for (;;) {
      if (take('+'))
        product(), call("add");
      else if (take('-'))
        product(), call("sub");
      else
        break;
    }
    --sums_;
  }
  void product() {
    signed_power();
    for (;;) {
      if (take('*'))
        signed_power(), call("mul");
      else if (take('/'))
        signed_power(), call("div");
      else
        break;
    }
  }
  // -x^2 is -(x^2), 2^-x is 2^(-x), 2^3^2 is 2^(3^2).
  void signed_power() {
    if (++depth_ > 1000) wrong("fewer signs and powers inside each other");
    if (take('-')) {
      signed_power();
      call("neg");
    } else {
      atom();
      if (take('^')) signed_power(), call("pow");
    }
    --depth_;
  }
  void atom() {
    const char c = next();
    if (take('(')) {
      sum();
      if (!take(')')) wrong("a )");
    } else if (std::isdigit(static_cast<unsigned char>(c)) || c == '.') {
      double v = 0;
      const auto end = std::from_chars(text_.data() + at_, text_.data() + text_.size(), v);
      if (end.ec != std::errc{}) wrong("a number");
      at_ = static_cast<std::size_t>(end.ptr - text_.data());
      operations.push_back({nullptr, full({}, v, f64)});
    } else if (std::isalpha(static_cast<unsigned char>(c)) || c == '_') {
      name();
    } else {
      wrong("a number, a variable, a function or a (");
    }
  }
  void name() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_')) ++at_;
    const std::string word = text_.substr(begin, at_ - begin);
    if (next() == '(') return function(word, begin);
    if (word == "pi") {
      operations.push_back({nullptr, full({}, std::numbers::pi, f64)});
      return;
    }
    auto v = find(word);
    if (v == variables.end()) {
      const auto shape = shapes_.find(word);
      Tensor t = uniform(shape == shapes_.end() ? Shape{2} : shape->second, generator_, 0.5, 1.5, f64);
      v = variables.insert(variables.end(), {word, t.requires_grad_()});
    }
    operations.push_back({nullptr, v->second});
  }
  void function(const std::string& word, std::size_t begin) {
    const auto f = functions().find(word);
    if (f == functions().end()) {
      std::string names;
      for (const auto& [known, any] : functions()) names += (names.empty() ? "" : " ") + known;
      at_ = begin;
      wrong("a function", "one of " + names);
    }
    take('(');
    std::size_t count = 0;
    do sum(), ++count;
    while (take(','));
    if (count != f->second.arguments) {
      at_ = begin;
      wrong(word + " with " + std::to_string(f->second.arguments) + " argument" +
            (f->second.arguments == 1 ? "" : "s"));
    }
    if (!take(')')) wrong("a )");
    operations.push_back({&f->second, {}});
  }

  const std::string& text_;
  const Shapes& shapes_;
  Generator& generator_;
  std::size_t at_ = 0;
  int sums_ = 0, depth_ = 0;  // inside each other: parentheses; signs and powers
};

}  // namespace

Shapes read_shapes(const std::vector<std::string>& options) {
  Shapes shapes;
  for (const auto& o : options) {
    const auto equals = o.find('=');
    Shape s;
    const char *at = o.data() + (equals == std::string::npos ? o.size() : equals + 1), *end = o.data() + o.size();
    bool ok = equals != std::string::npos && equals > 0;
    while (ok && at < end) {
      std::int64_t n = 0;
      const auto r = std::from_chars(at, end, n);
      ok = r.ec == std::errc{} && n >= 1 && s.rank() < Shape::kMaxRank &&
           (r.ptr == end || (*r.ptr == ',' && r.ptr + 1 < end));
      if (ok) s.push_back(n);
      at = r.ptr + 1;
    }
    if (!ok) fail("graph", "--shape NAME=SIZES, for example x=3,2", o);
    shapes[o.substr(0, equals)] = s;
  }
  return shapes;
}

Subject expression(const std::string& text, const Shapes& shapes, Generator& generator) {
  const Parser p(text, shapes, generator);
  if (p.variables.empty()) fail("graph", "an expression of at least one variable", text, "for example tanh(x)");
  Subject s;
  s.variables = p.variables;
  s.run = [operations = p.operations] {
    Tensors stack;
    for (const auto& o : operations) {
      if (!o.function) {
        stack.push_back(o.value);
        continue;
      }
      const auto count = static_cast<std::ptrdiff_t>(o.function->arguments);
      const Tensors arguments(stack.end() - count, stack.end());
      stack.resize(stack.size() - static_cast<std::size_t>(count));
      stack.push_back(o.function->call(arguments)[0]);
    }
    return stack.back();
  };
  return s;
}

}  // namespace stein::tools
