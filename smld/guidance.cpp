// SPDX-License-Identifier: MIT
#include "smld/guidance.h"

#include <cmath>
#include <utility>

#include "autograd/grad.h"
#include "ops/ops.h"
#include "tensor/error.h"
#include "tensor/recording.h"

namespace stein::smld {
namespace {

Tensor checked_labels(const char* op, const Tensor& labels) {
  if (labels.rank() != 1 || labels.dtype() != i64) fail(op, "labels (B) or (1), i64", describe(labels));
  return labels;
}

/// One label for each sample of x.
Tensor for_batch(const char* op, const Tensor& labels, const Tensor& x) {
  if (x.rank() >= 1 && labels.size(0) == x.size(0)) return labels;
  if (x.rank() < 1 || labels.size(0) != 1)
    fail(op, "as many labels as samples, or one", describe(labels) + " for " + describe(x));
  return labels.expand({x.size(0)});
}

void check_weight(const char* op, double weight) {
  if (!std::isfinite(weight)) fail(op, "a finite weight", std::to_string(weight));
}

}  // namespace

Tensor classifier_gradient(const NoisyClassifier& classifier, const Tensor& input, const Tensor& t,
                           const Tensor& labels) {
  constexpr const char* op = "classifier_gradient";
  const Tensor y = for_batch(op, checked_labels(op, labels), input);
  NoGrad record(false);
  const Tensor x = input.detach().clone().requires_grad_();
  const Tensor out = classifier(x, t);
  if (out.rank() != 2 || out.size(0) != x.size(0) || out.dtype() != x.dtype())
    fail(op, "a classifier's (" + std::to_string(x.size(0)) + ", classes) of the samples' dtype", describe(out));
  if (!out.requires_grad()) fail(op, "a classifier that can be differentiated in x", "a constant");
  // Logits become log-probabilities; log-probabilities stay what they are.
  const Tensor picked = gather(log_softmax(out, 1), 1, y.unsqueeze(1));
  return grad(sum(picked), x).detach();
}

TimeScore classifier_guidance(TimeScore score, NoisyClassifier classifier, const Tensor& labels, double weight) {
  check_weight("classifier_guidance", weight);
  return [score = std::move(score), classifier = std::move(classifier), weight,
          y = checked_labels("classifier_guidance", labels)](const Tensor& x, const Tensor& t) {
    return score(x, t) + weight * classifier_gradient(classifier, x, t, y);
  };
}

TimeScore classifier_free_guidance(ConditionalScore score, const Tensor& labels, std::int64_t null_label,
                                   double weight) {
  check_weight("classifier_free_guidance", weight);
  return [score = std::move(score), null_label, weight, labels = checked_labels("classifier_free_guidance", labels)](
             const Tensor& x, const Tensor& t) {
    const Tensor y = for_batch("classifier_free_guidance", labels, x);
    if (weight == 1) return score(x, t, y);
    const Tensor none = score(x, t, full({x.size(0)}, static_cast<double>(null_label), i64, x.device()));
    return none + weight * (score(x, t, y) - none);
  };
}

}  // namespace stein::smld
