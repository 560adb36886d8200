// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "tensor/tensor.h"

namespace stein {

namespace detail {
class RecordedWork;
/// Throws Error while this thread records: `what` would happen once, and not in each replay.
void not_while_recording(const char* what, const char* hint);
}  // namespace detail

/// A function on a device, recorded once and then repeated as a whole: a CUDA graph. The host asks the GPU once instead of for each
/// kernel, which is what a step of many small kernels spends its time on (docs/09_performance.md).
///     Replay step([&](const Tensors& in) { return grad({loss(in[0], in[1])}, net.parameters()); }, {x, noise});
///     for (...) adam.step(step({x, noise}));
/// What changes from call to call comes in as an input, or by writes in place to tensors that f reads, like an optimizer's to
/// parameters. All else is as it was while recording: shapes, numbers of the host, what `if` decided.
class Replay {
 public:
  using Function = std::function<Tensors(const Tensors& inputs)>;  ///< what is repeated

  /// Runs f(inputs) twice: as usual, for whatever is set up on the way, and to record it. What f refers to must outlive this object and
  /// stay where it is in memory. On the cpu there is nothing to record, and each call runs f.
  /// Throws Error when there are no inputs or not all are on one device; and, with nothing recorded, for whatever in f
  /// a replay could not repeat: values that the host reads (item(), to(cpu), cholesky, solve), random numbers, steps of an optimizer,
  /// batches of a loader, another Replay.
  Replay(Function f, const Tensors& inputs);
  ~Replay();
  Replay(Replay&&) noexcept;  ///< leaves an object that can only be destroyed
  Replay& operator=(Replay&&) = delete;

  /// f's results for inputs of the same shapes and dtypes on the same device (Error otherwise), without history. The host does not
  /// wait. On a device the next call writes over them: clone() what is to stay.
  const Tensors& operator()(const Tensors& inputs);

 private:
  Function f_;
  Tensors inputs_;  // where f found them
  std::unique_ptr<detail::RecordedWork> work_;
  Tensors results_;
};

}  // namespace stein
