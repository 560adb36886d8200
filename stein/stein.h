// SPDX-License-Identifier: MIT
// All that a user needs, in one line. Drags in no third-party header (a test follows every include).
#pragma once

#include "autograd/grad.h"
#include "ops/ops.h"
#include "tensor/error.h"
#include "tensor/npy.h"
#include "tensor/random.h"
#include "tensor/safetensors.h"
#include "tensor/tensor.h"
