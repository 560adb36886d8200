// SPDX-License-Identifier: MIT
// Network ops: shapes that do not fit are errors, and rank 0 is taken wherever a vector is.
#include <catch2/catch.hpp>

#include "ops/conv_add.h"
#include "ops/ops.h"

using namespace stein;

TEST_CASE("bias and weight of another shape or dtype are errors, not broadcast") {
  const Tensor x = ones({2, 5}), image = ones({1, 2, 3, 3}), w = ones({2, 1, 3, 3});
  CHECK_THROWS_WITH(conv_transpose2d(image, w, ones({5})), "[conv_transpose2d] expected a bias f32 (1,); got f32 (5,)");
  CHECK_THROWS_WITH(conv_transpose2d(image, w, ones({1}, f64)),
                    "[conv_transpose2d] expected a bias f32 (1,); got f64 (1,)");
  CHECK(conv_transpose2d(image, w, ones({2}), {.groups = 2}).shape() == Shape{1, 2, 5, 5});
  CHECK_THROWS_WITH(conv2d(image, ones({4, 2, 3, 3}), ones({1})), "[conv2d] expected a bias f32 (4,); got f32 (1,)");
  CHECK_THROWS_WITH(conv2d_add(ones({1, 2, 3, 3}), ones({4, 2, 3, 3}), Tensor(), ones({1, 4, 5, 5})),
                    "[conv2d_add] expected skip of the convolution's shape (1, 4, 1, 1); got f32 (1, 4, 5, 5)");
  CHECK_THROWS_WITH(layer_norm(x, 1, ones({3, 1, 5})), "[layer_norm] expected a weight f32 (5,); got f32 (3, 1, 5)");
  CHECK_THROWS_WITH(layer_norm(x, 2, {}, ones({5})), "[layer_norm] expected a bias f32 (2, 5); got f32 (5,)");
  CHECK_THROWS_WITH(group_norm(image, 1, ones({1})), "[group_norm] expected a weight f32 (2,); got f32 (1,)");
  CHECK_THROWS_WITH(instance_norm(image, ones({2}), ones({3})),
                    "[instance_norm] expected a bias f32 (2,); got f32 (3,)");
}

TEST_CASE("rank 0: axis 0 and -1 are those of a vector with one element; others are errors") {
  const Tensor x = scalar(3, f64), index = scalar(0, i64);
  for (const int axis : {0, -1}) {
    INFO("axis " << axis);
    CHECK(equal(softmax(x, axis), scalar(1, f64)));
    CHECK(equal(log_softmax(x, axis), scalar(0, f64)));
    CHECK(equal(cumsum(x, axis), x));
    CHECK(equal(argmax(x, axis), index));
    CHECK(equal(argmin(x, axis, true), index));
    CHECK(equal(max(x, axis).first, x));
    CHECK(equal(min(x, axis, true).second, index));
    CHECK(equal(sort(x, axis).first, x));
    CHECK(equal(gather(x, axis, index), x));
    for (const bool keepdim : {false, true}) {
      CHECK(equal(sum(x, {axis}, keepdim), x));
      CHECK(equal(mean(x, {axis}, keepdim), x));
      CHECK(equal(prod(x, {axis}, keepdim), x));
      CHECK(equal(amax(x, {axis}, keepdim), x));
      CHECK(equal(logsumexp(x, {axis}, keepdim), x));
      CHECK(equal(norm(x, 2, {axis}, keepdim), x));
      CHECK(equal(var(x, {axis}, 0, keepdim), scalar(0, f64)));
      CHECK(equal(any(x, {axis}, keepdim), scalar(1, boolean)));
    }
  }
  CHECK_THROWS_WITH(softmax(x, 1), "[softmax] expected an axis in [-1, 1); got 1");
  CHECK_THROWS_WITH(sum(x, {-2}), "[sum] expected an axis in [-1, 1); got -2");
  CHECK_THROWS_WITH(sum(x, {0, -1}), "[sum] expected each axis once; got (0, -1)");
  CHECK_THROWS(gather(x, 0, scalar(1, i64)));
}

TEST_CASE("norm of order 0 counts in rank 0 too, and softmax of nothing is nothing") {
  CHECK(equal(norm(scalar(3), 0), scalar(1)));
  CHECK(equal(norm(scalar(0), 0), scalar(0)));
  CHECK(equal(norm(tensor({3, 0, -2}), 0), scalar(2)));
  CHECK(equal(softmax(zeros({2, 0})), zeros({2, 0})));
  CHECK(equal(log_softmax(zeros({2, 0})), zeros({2, 0})));
  CHECK(softmax(zeros({0, 3})).shape() == Shape{0, 3});
}
