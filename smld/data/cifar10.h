// SPDX-License-Identifier: MIT
// CIFAR-10's binary version: records of one label byte and 3072 bytes of pixels (3, 32, 32), nothing else.
#pragma once

#include <string>

#include "smld/data/dataset.h"

namespace stein::smld {

/// One batch file. Throws Error unless its size is a positive multiple of 3073 and every label is below 10.
Dataset read_cifar10_batch(const std::string& name, const std::string& path);

/// True when `folder` holds data_batch_1.bin.
bool is_cifar10_folder(const std::string& folder);

/// data_batch_1.bin, ... as many as follow in sequence; test_batch.bin is held out (without it, every tenth sample).
DataSplits read_cifar10_folder(const std::string& name, const std::string& folder);

}  // namespace stein::smld
