// SPDX-License-Identifier: MIT
// What op files outside ops/elementwise include.
#pragma once

#include "autograd/rule.h"
#include "ops/ops.h"
#include "ops/registry.h"
